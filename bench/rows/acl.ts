/** Many keys and rules: the time of a start, memory, and the time of a decision. */
import { runJson, withTempDir } from '../harness/processes.js';
import type { Row } from '../harness/row.js';

const LOAD = 'dist/esm/bench/load/acl-load.js';

interface Measured {
  readonly openMs: number;
  readonly bytes: number;
  readonly decisionNs: number;
  readonly journalBytes: number;
}

export const aclRow: Row = {
  id: 'acl',
  title: 'keys and access control rules: start, memory, decisions',
  async run(context) {
    const keys = context.isQuick ? 10_000 : 100_000;
    const acls = keys * 10;
    return withTempDir(async (dataDir) => {
      const run = (mode: 'fill' | 'open'): Promise<Measured> => {
        const options = JSON.stringify({ mode, dataDir, keys, acls });
        return runJson<Measured>('server', ['--expose-gc', LOAD, options]);
      };
      context.progress(`acl: ${keys} keys, ${acls} rules`);
      await run('fill');
      const { openMs, bytes, decisionNs, journalBytes } = await run('open');
      const what = `${keys} keys, ${acls} rules`;
      const journal = `journal of ${(journalBytes / 2 ** 20).toFixed(0)} MiB`;
      return [
        { name: `start with ${what}`, value: openMs, unit: 'ms of CPU', note: journal },
        { name: `memory of ${what}`, value: bytes / 2 ** 20, unit: 'MiB' },
        { name: `decision among ${what}`, value: decisionNs, unit: 'ns of CPU' },
      ];
    });
  },
};
