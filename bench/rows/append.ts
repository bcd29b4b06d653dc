/** Appends of libs/log beside raw writev of the same bytes, with `os` durability. */
import { runJson, withTempDir } from '../harness/processes.js';
import { median, type Row, type RowContext } from '../harness/row.js';

const SCRIPT = 'dist/esm/bench/baselines/raw-append.js';
const DURATION_MS_MAX = 3000;

export const appendRow: Row = {
  id: 'append',
  title: 'libs/log append of 100-record batches, os durability, against raw writev',
  async run(context) {
    const raw: number[] = [];
    const log: number[] = [];
    for (let round = 0; round < context.rounds; round += 1) {
      context.progress(`append: round ${round + 1} of ${context.rounds}`);
      raw.push(await measure('raw', context));
      log.push(await measure('log', context));
    }
    return [
      {
        name: 'libs/log append, 100-record batches, os',
        value: median(log) / 2 ** 20,
        unit: 'MiB/s',
        baseline: { name: 'raw writev', value: median(raw) / 2 ** 20 },
        target: 0.5,
      },
    ];
  },
};

function measure(mode: 'raw' | 'log', context: RowContext): Promise<number> {
  return withTempDir(async (directory) => {
    const durationMs = Math.min(context.durationMs, DURATION_MS_MAX);
    const args = [SCRIPT, mode, directory, String(durationMs)];
    return (await runJson<{ bytesPerSecond: number }>('server', args)).bytesPerSecond;
  });
}
