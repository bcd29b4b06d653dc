import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** The gateway under test; `npm run test:versions` names that of another version. */
const ENTRY = process.env['SLUICE_TEST_GATEWAY'] ?? 'dist/apps/gateway/main.js';

/** Exit of a process. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Settings of a gateway under test, by variable. */
export type Environment = Readonly<Record<string, string>>;

/**
 * A gateway in a process of its own, as a user runs it: `node dist/apps/gateway/main.js` on a free
 * port, with a data directory that is removed at the end.
 */
export class GatewayProcess {
  /** Lines of standard error: the log as JSON. */
  readonly logLines: string[] = [];
  /** Lines of standard output: the banner. */
  readonly outputLines: string[] = [];
  #process: ChildProcess | undefined;
  #exit: Promise<Exit> | undefined;
  #url: string | undefined;
  readonly #environment: Environment;

  private constructor(
    readonly dataDir: string,
    environment: Environment,
  ) {
    this.#environment = environment;
  }

  /** Starts a gateway on an empty data directory and waits until it serves. */
  static async start(environment: Environment = {}): Promise<GatewayProcess> {
    const gateway = await GatewayProcess.create(environment);
    await gateway.start();
    return gateway;
  }

  /** Creates a gateway that is not started yet, with an empty data directory. */
  static async create(environment: Environment = {}): Promise<GatewayProcess> {
    return new GatewayProcess(await mkdtemp(join(tmpdir(), 'sluice-test-')), environment);
  }

  /** Its URL without a slash at the end. */
  get url(): string {
    if (this.#url === undefined) throw new Error('the gateway does not run');
    return this.#url;
  }

  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error('the gateway does not run');
    return pid;
  }

  /** The log lines as objects, without lines that are not JSON. */
  get log(): readonly Readonly<Record<string, unknown>>[] {
    return this.logLines
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /**
   * Starts the process, also again, and waits until it serves.
   * @param overrides variables for this start only
   * @param argv arguments of the command line
   */
  async start(overrides: Environment = {}, argv: readonly string[] = []): Promise<void> {
    const exit = this.spawn(overrides, argv);
    const serving = this.#serving();
    const ended = exit.then(({ code, signal }) => {
      const lines = [...this.logLines, ...this.outputLines].slice(-20).join('\n');
      throw new Error(`the gateway ended with ${code ?? signal} before it served:\n${lines}`);
    });
    ended.catch(() => undefined);
    this.#url = await Promise.race([serving, ended]);
  }

  /** Starts the process without waiting; resolves when it has ended. */
  spawn(overrides: Environment = {}, argv: readonly string[] = []): Promise<Exit> {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('SLUICE_'));
    const child = spawn(process.execPath, [ENTRY, ...argv], {
      env: {
        ...Object.fromEntries(inherited),
        SLUICE_PORT: '0',
        SLUICE_DATA_DIR: this.dataDir,
        SLUICE_LOG_FORMAT: 'json',
        ...this.#environment,
        ...overrides,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    createInterface(child.stderr).on('line', (line) => this.logLines.push(line));
    createInterface(child.stdout).on('line', (line) => this.outputLines.push(line));
    // `close` comes after the last line; `exit` may come before it.
    this.#exit = once(child, 'close').then(([code, signal]) => ({ code, signal }));
    return this.#exit;
  }

  /** Stops the process with SIGTERM; resolves when it has ended. */
  stop(): Promise<Exit> {
    return this.#signal('SIGTERM');
  }

  /** Kills the process (kill -9). */
  kill(): Promise<Exit> {
    return this.#signal('SIGKILL');
  }

  /** Resolves when the process has ended. */
  ended(): Promise<Exit> {
    if (this.#exit === undefined) throw new Error('the gateway does not run');
    return this.#exit;
  }

  /** Sends a signal without waiting. */
  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  /** Ends the process if it runs, and removes its data. */
  async dispose(): Promise<void> {
    if (this.#process?.exitCode === null && this.#process.signalCode === null) {
      // A process that is killed writes no coverage.
      await (process.env['NODE_V8_COVERAGE'] === undefined ? this.kill() : this.stop());
    }
    await rm(this.dataDir, { recursive: true, force: true });
  }

  #signal(signal: NodeJS.Signals): Promise<Exit> {
    this.signal(signal);
    return this.ended();
  }

  /** Resolves with the URL once the log reports the start and the banner is printed. */
  async #serving(): Promise<string> {
    const { stderr, stdout } = this.#process ?? {};
    if (!stderr || !stdout) throw new Error('the gateway does not run');
    const [started] = await Promise.all([
      lineOf(stderr, (line) => line.startsWith('{') && line.includes('"msg":"started"')),
      lineOf(stdout, (line) => line.includes('/records?')),
    ]);
    const { host, port } = JSON.parse(started) as { host: string; port: number };
    return `http://${host}:${port}`;
  }
}

/** The first matching line of a stream. */
function lineOf(stream: Readable, isWanted: (line: string) => boolean): Promise<string> {
  return new Promise((resolve) => {
    createInterface(stream).on('line', (line) => {
      if (isWanted(line)) resolve(line);
    });
  });
}
