import { describe, it } from 'vitest';
import {
  checkCompleteness,
  checkTruth,
  checkWithoutIdempotence,
} from './testing/producer-histories.js';

describe('a producer on a bad network', () => {
  it('settles each record once, tells the truth about it, and keeps the order', () =>
    checkTruth(12));

  it('writes every record once when it has the time', () => checkCompleteness(6));

  it('loses nothing that it calls written without idempotence', () => checkWithoutIdempotence(6));
});
