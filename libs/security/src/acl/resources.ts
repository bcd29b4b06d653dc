import type { Resource } from './acl.js';

/** The only resource of the type `cluster`. */
export const CLUSTER: Resource = { type: 'cluster', name: 'cluster' };

/** Returns a topic as a resource of permissions. */
export function topicNamed(name: string): Resource {
  return { type: 'topic', name };
}

/** Returns a group as a resource of permissions. */
export function groupNamed(name: string): Resource {
  return { type: 'group', name };
}
