/** A process of the cluster: started away from the terminal, so that Ctrl-C reaches us alone. */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

const STOP_TIMEOUT_MS = 15_000;

export class Child {
  #process;
  #ended = Promise.resolve();
  /** How the last process ended; undefined while it runs. */
  end = undefined;

  /** @param logFile takes what the process writes */
  spawn(command, args, { environment, logFile }) {
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

  get isRunning() {
    return this.#process !== undefined && this.end === undefined;
  }

  get pid() {
    return this.#process?.pid;
  }

  /** Resolves when the process has ended. */
  get ended() {
    return this.#ended;
  }

  signal(name) {
    if (this.isRunning) this.#process.kill(name);
  }

  /** SIGTERM, and SIGKILL when that takes too long. */
  async stop() {
    // One that is paused hears nothing else.
    this.signal('SIGCONT');
    this.signal('SIGTERM');
    const timer = setTimeout(() => this.signal('SIGKILL'), STOP_TIMEOUT_MS);
    await this.#ended;
    clearTimeout(timer);
  }
}
