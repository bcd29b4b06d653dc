import { readFileSync } from 'node:fs';
import { type Command, CommanderError } from 'commander';
import { SluiceError } from '#client';
import {
  EXIT_DONE,
  EXIT_FAILED,
  EXIT_INTERRUPTED,
  EXIT_USAGE,
  InterruptedError,
  UsageError,
} from './exit-codes.js';
import { Output } from './output.js';
import { createProgram } from './program.js';

/** Runs the command line of this process and sets its exit code. */
export async function runCommandLine(argv: readonly string[]): Promise<void> {
  // A reader such as `head` has enough when it closes the pipe.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? EXIT_DONE : EXIT_FAILED);
  });
  const program = createProgram(version());
  exitByErrors(program);
  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    process.exitCode = report(error);
    // An unfinished read of stdin would keep the process alive.
    process.stdin.destroy();
  }
}

/** Makes the program and its commands throw errors instead of ending the process. */
function exitByErrors(command: Command): void {
  command.exitOverride();
  for (const each of command.commands) exitByErrors(each);
}

/** Prints the sentence of an error; returns the exit code. */
function report(error: unknown): number {
  if (error instanceof CommanderError) {
    // Commander has printed the help, the version or the error itself.
    return error.exitCode === 0 ? EXIT_DONE : EXIT_USAGE;
  }
  if (error instanceof InterruptedError) return EXIT_INTERRUPTED;
  const output = new Output({ json: false });
  const name = output.noteStyle('red', 'error:');
  if (error instanceof UsageError) {
    output.note(`${name} ${error.message}`);
    return EXIT_USAGE;
  }
  if (error instanceof SluiceError) {
    output.note(`${name} ${error.detail} (${error.code})`);
    for (const { pointer, detail } of error.errors) {
      // The sentence above often has the fault itself, with another first letter.
      if (error.detail.includes(detail.slice(1))) continue;
      output.note(pointer === '' ? `  ${detail}` : `  ${pointer}: ${detail}`);
    }
    if (error.code === 'SASL_AUTHENTICATION_FAILED') {
      output.note('Give --api-key-file or --token-file, or set SLUICE_API_KEY or SLUICE_TOKEN.');
    }
    const isOption = error.code === 'INVALID_CONFIG' && error.status === undefined;
    return isOption ? EXIT_USAGE : EXIT_FAILED;
  }
  output.note(`${name} ${error instanceof Error ? error.message : String(error)}`);
  return EXIT_FAILED;
}

function version(): string {
  const path = new URL('../../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(path, 'utf8')) as { readonly version: string }).version;
}
