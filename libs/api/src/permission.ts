import type { AclOperation } from '#security';

/** A permission that a caller needs. All kinds are enforced with SLUICE_AUTH=on only. */
export type Permission = ResourcePermission | { readonly resource: 'caller' | 'none' };

/** A permission on a topic, on a group or on the cluster. */
export interface ResourcePermission {
  readonly resource: 'topic' | 'group' | 'cluster';
  readonly operation: AclOperation;
  /**
   * The part of the request or of the answer that names the resource.
   *
   * - absent: in the path, or it is the cluster. The front refuses the request before its body is
   *   read.
   * - `data`: in the query, the body or the message. The handler refuses it.
   * - `answer`: in the answer, which leaves out what the caller may not use.
   */
  readonly named?: 'data' | 'answer';
  /** True if the permission on any one resource of this type is enough. */
  readonly onAny?: boolean;
  /** True if the same operation on the cluster is enough as well. */
  readonly orOnCluster?: boolean;
}

/**
 * True if no credential is needed: `none` is public; `caller` needs a credential, but no
 * permission.
 */
export function isPublic(needs: readonly Permission[]): boolean {
  return needs.every(({ resource }) => resource === 'none');
}

/** True for a permission on a resource. */
export function isOnResource(need: Permission): need is ResourcePermission {
  return need.resource !== 'none' && need.resource !== 'caller';
}
