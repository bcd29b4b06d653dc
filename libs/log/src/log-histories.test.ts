import { describe, it } from 'vitest';
import { checkLogHistories, POLICIES } from './testing/log-histories.js';

/** Histories per policy: few by default, many in `npm run test:faults`. */
const HISTORIES = Number(process.env['SLUICE_HISTORIES'] ?? 30);

describe.each(POLICIES)('random histories of a log that is %s', (_, overrides) => {
  it('lose nothing, repeat nothing and show nothing that was not written', () =>
    checkLogHistories(overrides, HISTORIES));
});
