/**
 * The safeguards of delivery that its random histories must miss when one is taken out.
 *
 * Usage: node --import jiti/register test/mutations/delivery-mutations.ts [part of a name]
 */
import { DELIVERY_SUITE } from './delivery-suite.js';
import { showMutationsAreSeen } from './mutations.js';

await showMutationsAreSeen(DELIVERY_SUITE);
