/**
 * Changes of the security metadata as they are written to disk and to Redis. A rule is an array of
 * its six members, because there may be a million of them.
 */
import type { Acl } from '../acl/acl.js';
import type { SecurityChange } from './security-change.js';

type AclDocument = readonly [
  principal: string,
  resourceType: Acl['resourceType'],
  patternType: Acl['patternType'],
  resourceName: string,
  operation: Acl['operation'],
  permission: Acl['permission'],
];

export type ChangeDocument =
  | Exclude<SecurityChange, { readonly acls: unknown }>
  | { readonly kind: 'acls-added' | 'acls-removed'; readonly acls: readonly AclDocument[] };

export function changeDocument(change: SecurityChange): ChangeDocument {
  if (!('acls' in change)) return change;
  return { kind: change.kind, acls: change.acls.map(aclDocument) };
}

export function changeOf(document: ChangeDocument): SecurityChange {
  if (!('acls' in document)) return document;
  return { kind: document.kind, acls: document.acls.map(aclOf) };
}

function aclDocument(acl: Acl): AclDocument {
  const { principal, resourceType, patternType, resourceName, operation, permission } = acl;
  return [principal, resourceType, patternType, resourceName, operation, permission];
}

function aclOf(document: AclDocument): Acl {
  const [principal, resourceType, patternType, resourceName, operation, permission] = document;
  return { principal, resourceType, patternType, resourceName, operation, permission };
}
