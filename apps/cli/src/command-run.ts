import type { Sluice } from '#client';
import { connect, type GlobalOptions } from './connection.js';
import { InterruptedError } from './exit-codes.js';
import { Output } from './output.js';

/** The parts that a running command works with. */
export interface CommandRun {
  readonly sluice: Sluice;
  readonly output: Output;
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
}

/**
 * Runs a command with a connection, and closes that afterwards. The first Ctrl-C aborts the signal,
 * and changes nothing once the work is done; the second one ends the process at once.
 */
export async function withGateway(
  options: GlobalOptions,
  work: (run: CommandRun) => Promise<void>,
): Promise<void> {
  const output = new Output({ json: options.json === true });
  const stop = new AbortController();
  const interrupt = (): void => {
    process.removeListener('SIGINT', interrupt);
    process.removeListener('SIGTERM', interrupt);
    stop.abort(new InterruptedError('stopped'));
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  const sluice = connect(options);
  try {
    await work({ sluice, output, signal: stop.signal });
  } finally {
    await sluice.close();
  }
}
