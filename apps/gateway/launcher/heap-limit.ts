const MIB = 1024 * 1024;
const FLAG = /--max[-_]old[-_]space[-_]size/;

type Execve = (file: string, args: readonly string[], env: NodeJS.ProcessEnv) => never;

/**
 * Restarts this process with the heap limit of SLUICE_HEAP_BYTES, under the same process id.
 *
 * V8 takes the limit when it creates its heap: `v8.setFlagsFromString` has no effect on Node 20, 22
 * and 24. `process.execve` exists from Node 22.15 on; an earlier Node continues without the limit,
 * and the gateway logs a warning. A limit that the user gave Node directly stays. A value that is
 * not a number is refused later, together with all other settings.
 */
export function applyHeapLimit(): void {
  const limitText = process.env['SLUICE_HEAP_BYTES']?.trim() ?? '';
  const isGivenToNode = FLAG.test([...process.execArgv, process.env['NODE_OPTIONS']].join(' '));
  const { execve } = process as { execve?: Execve };
  if (!/^\d{1,16}$/.test(limitText) || isGivenToNode || execve === undefined) return;
  const flag = `--max-old-space-size=${Math.max(1, Math.floor(Number(limitText) / MIB))}`;
  const args = [process.execPath, ...process.execArgv, flag, ...process.argv.slice(1)];
  execve.call(process, process.execPath, args, process.env);
}
