import { isOnResource, isPublic, type OperationSpec, type ResourcePermission } from '#api';

/** The needs of an operation that are checked before a request is dispatched. */
export interface AdmissionNeeds {
  /** True if no credential is needed. */
  readonly isPublic: boolean;
  /** True if a ticket in the query is accepted in place of another credential. */
  readonly acceptsTicket: boolean;
  /** Permissions on the resources that the path names, and on the cluster. */
  readonly permissions: readonly ResourcePermission[];
}

/** Reads the needs of an operation from the table of operations: once, not for each request. */
export function admissionNeedsOf({ needs, query }: OperationSpec): AdmissionNeeds {
  return {
    isPublic: isPublic(needs),
    acceptsTicket: query !== undefined && 'ticket' in query,
    permissions: needs.filter(isOnResource).filter(({ named }) => named === undefined),
  };
}
