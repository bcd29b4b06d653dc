/**
 * The rules of queues that their histories and tests must miss when one is taken out.
 *
 * Usage: node --import jiti/register test/mutations/queue-mutations.ts [part of a name]
 */
import { showMutationsAreSeen } from './mutations.js';
import { QUEUE_SUITE } from './queue-suite.js';

await showMutationsAreSeen(QUEUE_SUITE);
