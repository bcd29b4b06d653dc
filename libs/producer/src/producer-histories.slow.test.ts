import { describe, it } from 'vitest';
import {
  checkCompleteness,
  checkTruth,
  checkWithoutIdempotence,
} from './testing/producer-histories.js';

describe('a producer on a bad network, at length', () => {
  it('settles each record once, tells the truth about it, and keeps the order', () =>
    checkTruth(600));

  it('writes every record once when it has the time', () => checkCompleteness(200));

  it('loses nothing that it calls written without idempotence', () => checkWithoutIdempotence(200));
});
