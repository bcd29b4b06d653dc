/** Exit codes of the command line. */
export const EXIT_DONE = 0;
/** The gateway refused the command, or it failed. */
export const EXIT_FAILED = 1;
/** The command line is wrong. */
export const EXIT_USAGE = 2;
/** A person ended the command with Ctrl-C: 128 plus the number of SIGINT, as shells have it. */
export const EXIT_INTERRUPTED = 130;

/** The command line is wrong; the message says what is accepted. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** A command stopped because of Ctrl-C or SIGTERM. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError';
}
