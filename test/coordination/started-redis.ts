import { afterEach } from 'vitest';
import { RedisServer } from '../support/redis-server.js';
import { RedisStores } from './redis-stores.js';

const started: { close(): Promise<void> }[] = [];

/** Ends everything that a test of the calling file starts, the newest first, after each test. */
export function endAfterEachTest(): void {
  afterEach(async () => {
    for (const one of started.splice(0).toReversed()) await one.close();
  });
}

/** Has this part ended after the test. */
export function endLater<Part extends { close(): Promise<void> }>(part: Part): Part {
  started.push(part);
  return part;
}

/** Starts a redis-server with settings of its command line. */
export async function startRedis(settings: readonly string[] = []): Promise<RedisServer> {
  return endLater(await RedisServer.start(settings));
}

/** Stores of several brokers on a Redis. */
export function storesOn(url: string): RedisStores {
  return endLater(new RedisStores(url));
}

/** Waits until the answer to a command has a text. */
export async function untilCli(
  server: RedisServer,
  command: string[],
  text: string,
): Promise<void> {
  while (!(await server.cli(...command)).includes(text));
}
