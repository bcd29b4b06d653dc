import type { ResourcePermission } from '#api';
import type { Access, Resource } from '#security';
import type { FoundOperation } from '../operation-router.js';

/** The only resource of the type `cluster`. */
const CLUSTER: Resource = { type: 'cluster', name: 'cluster' };

/**
 * Checks the permissions of an operation on the resources that its path names, and on the cluster.
 * Handlers check those that bodies name.
 * @throws ProtocolError TOPIC_AUTHORIZATION_FAILED, GROUP_AUTHORIZATION_FAILED or
 *   CLUSTER_AUTHORIZATION_FAILED
 */
export function assertPermitted(access: Access, { needs, parameters }: FoundOperation): void {
  if (access.caller.isSuperUser) return;
  for (const need of needs.permissions) assertNeed(access, need, parameters);
}

function assertNeed(
  access: Access,
  { resource, operation, onAny }: ResourcePermission,
  parameters: FoundOperation['parameters'],
): void {
  if (resource === 'cluster') access.assertMay(operation, CLUSTER);
  else if (onAny !== true) {
    access.assertMay(operation, { type: resource, name: parameters[resource] ?? '' });
  } else if (!access.mayOnAny(operation, resource)) {
    // Refuses by the name that no rule may allow.
    access.assertMay(operation, { type: resource, name: '' });
  }
}
