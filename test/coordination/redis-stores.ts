import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CoordinationStore, RedisStore, type RedisStoreOptions } from '#coordination';
import {
  type LogFields,
  type Logger,
  NodeFileSystem,
  SystemClock,
  SystemRandom,
  SystemScheduler,
} from '#runtime';
import { until } from '../support/until.js';

/** An update that is refused has this long, ms; see cluster-store.ts. */
const UPDATE_TIMEOUT_MS = 1800;

/** Log line of a refused update. */
const REFUSED = 'Redis refused a change of the metadata';

/** The clock of the system, which a test can put forward. */
class AdvancedClock extends SystemClock {
  #advancedMs = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + this.#advancedMs;
  }

  advance(durationMs: number): void {
    this.#advancedMs += durationMs;
  }
}

/** Stores of some brokers on one Redis, each with its own data directory. */
export class RedisStores {
  readonly isShared = true;
  /** Log lines of the stores. */
  readonly logged: {
    readonly level: string;
    readonly message: string;
    readonly fields: LogFields;
  }[] = [];
  readonly #clock = new AdvancedClock();
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
      clock: this.#clock,
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

  /**
   * Runs an update that Redis refuses, without waiting for the end of its time: the clock is put
   * forward once the store has been refused.
   */
  async whileRefused<T>(update: Promise<T>): Promise<T> {
    const refusals = (): number => this.logged.filter(({ message }) => message === REFUSED).length;
    const before = refusals();
    // The caller handles a rejection.
    update.catch(() => undefined);
    await this.until(() => refusals() > before);
    this.#clock.advance(UPDATE_TIMEOUT_MS);
    return update;
  }

  whileTimePasses<T>(promise: Promise<T>): Promise<T> {
    return promise;
  }

  async until(condition: () => boolean): Promise<void> {
    await until('the condition of the test', condition);
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
