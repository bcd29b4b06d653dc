import { type Sluice, SluiceError } from '#client';
import { type ChangeMessage, connect, type GlobalOptions } from './connection.js';
import { InterruptedError } from './exit-codes.js';
import { Output } from './output.js';

/** The parts that a running command works with. */
export interface CommandRun {
  readonly sluice: Sluice;
  readonly output: Output;
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
}

/** Runs a command that has nothing to finish: Ctrl-C ends it at once. */
export function callGateway(
  options: GlobalOptions,
  work: (run: CommandRun) => Promise<void>,
): Promise<void> {
  return withGateway(options, (run) => {
    const interrupted = new Promise<never>((_, reject) => {
      run.signal.addEventListener('abort', () => reject(run.signal.reason as Error));
    });
    return Promise.race([work(run), interrupted]);
  });
}

/** Tells when the gateway is away, for commands that wait until it is back. */
export function tellConnection({ sluice, output }: CommandRun): void {
  let isAway = false;
  sluice.on('status', (status, { url, error }) => {
    if (status === 'reconnecting') {
      const reason = error instanceof SluiceError ? ` (${error.detail})` : '';
      output.note(`There is no connection to ${url}${reason}; trying again.`);
    } else if (status === 'connected' && isAway) output.note(`Connected to ${url}.`);
    isAway = status === 'reconnecting';
  });
}

/**
 * Notes that a topic does not exist: a member of a group waits until somebody creates it. Any other
 * error is left to the member. Never rejects.
 */
export async function noteMissingTopic(
  { sluice, output, signal }: CommandRun,
  topic: string,
): Promise<void> {
  await sluice.admin.describeTopic({ topic }, { signal }).catch((error: unknown) => {
    if (error instanceof SluiceError && error.code === 'UNKNOWN_TOPIC_OR_PARTITION') {
      output.note(`There is no topic "${topic}" yet: its records are read once it is created.`);
    }
  });
}

/**
 * Runs a command with a connection, and closes that afterwards. The first Ctrl-C aborts the signal,
 * and changes nothing once the work is done; the second one ends the process at once.
 * @param change given to the connection
 */
export async function withGateway(
  options: GlobalOptions,
  work: (run: CommandRun) => Promise<void>,
  change?: ChangeMessage,
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
  const sluice = connect(options, change);
  try {
    await work({ sluice, output, signal: stop.signal });
  } finally {
    await sluice.close();
  }
}
