import type { Operation } from './operations.js';
import { PAGE_OPERATIONS } from './page-operations.js';

/**
 * A part of the API that a listener may leave out.
 *
 * - `pages`: pages for people, and the documents of the API.
 * - `administration`: what needs Alter on the cluster.
 */
export type OperationPart = 'pages' | 'metrics' | 'health' | 'administration';

/** Returns the part that an operation belongs to; undefined if every listener serves it. */
export function partOf({ id, needs }: Operation): OperationPart | undefined {
  if (id in PAGE_OPERATIONS) return 'pages';
  if (id === 'metrics') return 'metrics';
  if (id === 'live' || id === 'ready') return 'health';
  const isAdministration = needs.some(
    (need) => need.resource === 'cluster' && need.operation === 'Alter',
  );
  return isAdministration ? 'administration' : undefined;
}
