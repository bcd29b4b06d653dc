import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import { type CoordinationStore, RedisStore, type RedisStoreOptions } from '#coordination';
import {
  type LogFields,
  type Logger,
  NodeFileSystem,
  SystemClock,
  SystemRandom,
  SystemScheduler,
} from '#runtime';

/** Stores of some brokers on one Redis, each with its own data directory. */
export class RedisStores {
  readonly isShared = true;
  /** Log lines of the stores. */
  readonly logged: {
    readonly level: string;
    readonly message: string;
    readonly fields: LogFields;
  }[] = [];
  readonly #url: string;
  readonly #opened: CoordinationStore[] = [];
  readonly #dirs = new Map<number, string>();

  constructor(url: string) {
    this.#url = url;
  }

  async open(
    brokerId: number,
    options: Partial<RedisStoreOptions> = {},
  ): Promise<CoordinationStore> {
    const store = await RedisStore.open({
      url: this.#url,
      clusterId: 'c',
      brokerId,
      dataDir: await this.dataDir(brokerId),
      leaseMs: 100,
      fileSystem: new NodeFileSystem(),
      random: new SystemRandom(),
      scheduler: new SystemScheduler(),
      clock: new SystemClock(),
      logger: this.#logger(),
      ...options,
    });
    this.#opened.push(store);
    return store;
  }

  async dataDir(brokerId: number): Promise<string> {
    const dir =
      this.#dirs.get(brokerId) ?? (await mkdtemp(join(tmpdir(), `sluice-broker-${brokerId}-`)));
    this.#dirs.set(brokerId, dir);
    return dir;
  }

  whileTimePasses<T>(promise: Promise<T>): Promise<T> {
    return promise;
  }

  async until(condition: () => boolean): Promise<void> {
    await vi.waitUntil(condition, { timeout: 20_000, interval: 5 });
  }

  /** Closes all stores and removes their directories. */
  async close(): Promise<void> {
    await Promise.all(this.#opened.map((store) => store.close()));
    for (const dir of this.#dirs.values()) await rm(dir, { recursive: true, force: true });
  }

  #logger(): Logger {
    const at =
      (level: string) =>
      (fields: LogFields, message: string): void => {
        this.logged.push({ level, message, fields });
      };
    return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  }
}
