import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './free-port.js';

const run = promisify(execFile);

/**
 * A redis-server for one test: on a free port, in a temporary directory, ended by its process id.
 */
export class RedisServer {
  readonly port: number;
  readonly dir: string;
  readonly #settings: readonly string[];
  #process: ChildProcess | undefined;

  /** @param settings arguments of the command line; a configuration file comes first */
  private constructor(port: number, dir: string, settings: readonly string[]) {
    this.port = port;
    this.dir = dir;
    this.#settings = settings;
  }

  /**
   * Starts a Redis without persistence, unless the settings say otherwise.
   * @param settings arguments of redis-server, such as `['--appendonly', 'yes']`
   */
  static async start(settings: readonly string[] = []): Promise<RedisServer> {
    const dir = await mkdtemp(join(tmpdir(), 'sluice-redis-'));
    const persistsNothing = ['--save', '', '--appendonly', 'no'];
    return RedisServer.#startIn(dir, [...persistsNothing, ...settings]);
  }

  /**
   * Starts a Sentinel that watches a master under the name `main` and decides alone when it is
   * gone.
   */
  static async startSentinel(master: RedisServer): Promise<RedisServer> {
    const dir = await mkdtemp(join(tmpdir(), 'sluice-sentinel-'));
    const file = join(dir, 'sentinel.conf');
    const lines = [
      `sentinel monitor main 127.0.0.1 ${master.port} 1`,
      'sentinel down-after-milliseconds main 300',
      'sentinel failover-timeout main 2000',
    ];
    await writeFile(file, `${lines.join('\n')}\n`);
    return RedisServer.#startIn(dir, [file, '--sentinel']);
  }

  static async #startIn(dir: string, settings: readonly string[]): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), dir, settings);
    await server.restart();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Ends it if it runs, and starts it again in the same directory. Resolves when it answers. */
  async restart(): Promise<void> {
    await this.kill();
    const place = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.dir];
    const started = spawn('redis-server', [...this.#settings, ...place], { stdio: 'ignore' });
    this.#process = started;
    for (;;) {
      if (started.exitCode !== null) throw new Error(`redis-server ended: ${started.exitCode}`);
      const answer = await this.cli('PING').catch(() => '');
      if (answer === 'PONG') return;
    }
  }

  /** Kills the process (SIGKILL): data that was not persisted is lost. */
  async kill(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const ended = once(running, 'exit');
    running.kill('SIGKILL');
    await ended;
  }

  /** Pauses the process: it keeps its connections and answers nothing. */
  pause(): void {
    this.#process?.kill('SIGSTOP');
  }

  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  /** Output of redis-cli, without its last line feed. */
  async cli(...command: string[]): Promise<string> {
    const { stdout } = await run('redis-cli', ['-p', String(this.port), '--no-raw', ...command]);
    return stdout
      .trimEnd()
      .replace(/^"(?<text>.*)"$/su, '$<text>')
      .replaceAll('\\"', '"');
  }

  /** Ends it and removes its directory. */
  async close(): Promise<void> {
    await this.kill();
    await rm(this.dir, { recursive: true, force: true });
  }
}
