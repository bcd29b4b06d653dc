/**
 * The safeguards of libs/log that its random histories must miss when one is taken out.
 *
 * Usage: node --import jiti/register test/mutations/log-mutations.ts [part of a name]
 */
import { LOG_SUITE } from './log-suite.js';
import { showMutationsAreSeen } from './mutations.js';

await showMutationsAreSeen(LOG_SUITE);
