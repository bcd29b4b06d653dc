/** The machine of a measurement, and the pinning of processes to its cores. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpus, platform, release, totalmem } from 'node:os';
import { version } from 'node:process';

/** Core of the server under test, core of the load; `any` where several servers share all cores. */
export type Core = 'server' | 'load' | 'any';

const CORES: Readonly<Record<Exclude<Core, 'any'>, string>> = { server: '0', load: '1' };
const canPin = cpus().length > 1 && spawnSync('taskset', ['--version']).status === 0;

/** The command line that runs a program (node by default) with `args` pinned to a core. */
export function pinned(
  core: Core,
  args: readonly string[],
  program = process.execPath,
): { command: string; args: string[] } {
  return canPin && core !== 'any'
    ? { command: 'taskset', args: ['-c', CORES[core], program, ...args] }
    : { command: program, args: [...args] };
}

/** The machine in one line, for the head of the table. */
export function describeMachine(): string {
  const model = cpus()[0]?.model ?? 'unknown processor';
  const memoryGiB = Math.round(totalmem() / 2 ** 30);
  const pins = canPin ? 'server on core 0, load on core 1' : 'not pinned (no taskset)';
  return `${cpus().length} x ${model}, ${memoryGiB} GiB, ${platform()} ${release()}, Node ${version}; ${pins}`;
}

/** The measured commit, with a + when the tree has changes. */
export function describeCommit(): string {
  try {
    const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim();
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '+');
  } catch {
    return 'unknown';
  }
}
