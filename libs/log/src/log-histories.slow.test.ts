import { describe, it } from 'vitest';
import { checkLogHistories, POLICIES } from './testing/log-histories.js';

describe.each(POLICIES)('many random histories of a log that is %s', (_, overrides) => {
  it('lose nothing, repeat nothing and show nothing that was not written', () =>
    checkLogHistories(overrides, 150));
});
