/**
 * A process of the cluster, started apart from the terminal, so that Ctrl-C reaches only this
 * script.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

const STOP_TIMEOUT_MS = 15_000;

export class Child {
  #process: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  /** Exit of the last process; undefined while it runs. */
  end: Error | string | undefined = undefined;

  /** @param logFile file for the output of the process */
  spawn(
    command: string,
    args: readonly string[],
    { environment, logFile }: { readonly environment: NodeJS.ProcessEnv; readonly logFile: string },
  ): void {
    const log = openSync(logFile, 'a');
    const child = spawn(command, args, {
      env: environment,
      stdio: ['ignore', log, log],
      detached: true,
    });
    closeSync(log);
    this.#process = child;
    this.end = undefined;
    this.#ended = new Promise((resolve) => {
      child.once('error', (error) => {
        this.end = error;
        resolve();
      });
      child.once('exit', (code, signal) => {
        this.end = signal ?? `exit code ${code}`;
        resolve();
      });
    });
  }

  get isRunning(): boolean {
    return this.#process !== undefined && this.end === undefined;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Resolves when the process has ended. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  signal(name: NodeJS.Signals): void {
    if (this.isRunning) this.#process?.kill(name);
  }

  /** Stops the process with SIGTERM, and with SIGKILL when that takes too long. */
  async stop(): Promise<void> {
    // A paused process does not receive SIGTERM.
    this.signal('SIGCONT');
    this.signal('SIGTERM');
    const timer = setTimeout(() => this.signal('SIGKILL'), STOP_TIMEOUT_MS);
    await this.#ended;
    clearTimeout(timer);
  }
}
