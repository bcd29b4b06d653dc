/** Kafka's operations of access control lists. */
export type AclOperation =
  | 'Read'
  | 'Write'
  | 'Create'
  | 'Delete'
  | 'Alter'
  | 'Describe'
  | 'AlterConfigs'
  | 'DescribeConfigs';

/** A permission that a caller needs. */
export type Permission =
  | {
      /** The resource is the topic or the group that the request names, or the cluster. */
      readonly resource: 'topic' | 'group' | 'cluster';
      readonly operation: AclOperation;
      /** True if the permission on any one resource of this type is enough. */
      readonly onAny?: boolean;
    }
  | { readonly resource: 'none' };
