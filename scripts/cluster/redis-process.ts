import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Child } from './child.js';

const CHECK_MS = 20;

/** This machine has no redis-server. */
export class MissingRedisError extends Error {}

/** A Redis with the settings that a cluster needs (docs/operating/cluster.md). */
export class RedisProcess extends Child {
  readonly #directory: string;
  #port = 0;

  constructor(directory: string) {
    super();
    this.#directory = directory;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.#port}`;
  }

  /** @throws MissingRedisError */
  async start(port: number): Promise<void> {
    this.#port = port;
    mkdirSync(this.#directory, { recursive: true });
    const place = ['--port', String(port), '--bind', '127.0.0.1', '--dir', this.#directory];
    const memory = ['--appendonly', 'yes', '--appendfsync', 'always', '--maxmemory-policy'];
    this.spawn('redis-server', [...place, ...memory, 'noeviction'], {
      environment: process.env,
      logFile: join(this.#directory, 'redis.log'),
    });
    while (!(await isListening(port))) {
      if (this.end instanceof Error && 'code' in this.end && this.end.code === 'ENOENT') {
        throw new MissingRedisError(
          'npm run cluster needs redis-server on the PATH: install Redis 6.2 or later ' +
            '(Debian: apt-get install redis-server, macOS: brew install redis).',
        );
      }
      if (this.end !== undefined) throw new Error(`redis-server ended: ${String(this.end)}`);
      await new Promise((resolve) => setTimeout(resolve, CHECK_MS));
    }
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
