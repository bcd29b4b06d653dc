/** The operations of rules, in the order of their bits. */
export const ACL_OPERATIONS = [
  'All',
  'Read',
  'Write',
  'Create',
  'Delete',
  'Alter',
  'Describe',
  'AlterConfigs',
  'DescribeConfigs',
] as const;

export const ACL_PERMISSIONS = ['allow', 'deny'] as const;

export const ACL_PATTERN_TYPES = ['literal', 'prefixed'] as const;

/** The types of resources that rules are about. The name of the cluster is always `cluster`. */
export const RESOURCE_TYPES = ['topic', 'group', 'cluster', 'lock'] as const;

/** Kafka's operations of access control lists. */
export type AclOperation = Exclude<(typeof ACL_OPERATIONS)[number], 'All'>;

export type ResourceType = (typeof RESOURCE_TYPES)[number];

/** A resource that a caller wants to use. */
export interface Resource {
  readonly type: ResourceType;
  readonly name: string;
}

/**
 * One access control rule.
 *
 * `deny` takes precedence over `allow`. A use that no rule allows is refused. `All` stands for
 * every operation. Read, Write, Delete and Alter imply Describe; AlterConfigs implies
 * DescribeConfigs.
 */
export interface Acl {
  /**
   * `user:<name>`, `key:<id>`, `cert:<distinguished name>` or `group:<name>`; `user:*`, `key:*` and
   * `group:*` stand for every principal of that type.
   */
  readonly principal: string;
  readonly resourceType: ResourceType;
  /** Name, or its beginning; the literal name `*` stands for every resource of the type. */
  readonly resourceName: string;
  readonly patternType: (typeof ACL_PATTERN_TYPES)[number];
  readonly operation: (typeof ACL_OPERATIONS)[number];
  readonly permission: (typeof ACL_PERMISSIONS)[number];
}

/** The rules to list or remove: those that equal every member that is present. */
export type AclFilter = Partial<Acl>;
