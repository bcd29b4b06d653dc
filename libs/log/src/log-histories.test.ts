import { describe, it } from 'vitest';
import { checkLogHistories, POLICIES } from './testing/log-histories.js';

/** Histories per policy: few by default, many in `npm run test:faults`. */
const HISTORIES = Number(process.env['SLUICE_HISTORIES'] ?? 30);
/** Many histories take long, and the shortest form of a failure is looked for after them. */
const TIMEOUT = { timeout: 120_000 + HISTORIES * 500 };

describe.each(POLICIES)('random histories of a log that is %s', (_, overrides) => {
  it('lose nothing, repeat nothing and show nothing that was not written', TIMEOUT, () =>
    checkLogHistories(overrides, HISTORIES),
  );
});
