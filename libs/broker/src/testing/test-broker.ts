import { silentLogObserver } from '#log';
import { type FileSystem, silentLogger } from '#runtime';
import { FakeClock, FakeDisk, FakeScheduler, SeededRandom } from '#runtime/testing';
import type { Broker } from '../broker.js';
import type { LocalBrokerSettings, OpenBroker } from '../local-broker-options.js';
import { openLocalBroker } from '../open-local-broker.js';

export const DATA_DIR = '/data';

export interface TestBrokerOptions extends Partial<LocalBrokerSettings> {
  readonly fileSystem?: FileSystem;
}

/** A broker on a fake disk and a fake clock, which can lose power. */
export class TestBroker {
  readonly disk: FakeDisk;
  readonly clock = new FakeClock();
  readonly scheduler = new FakeScheduler(this.clock);
  readonly #options: TestBrokerOptions;
  #open: OpenBroker | undefined;

  private constructor(disk: FakeDisk, options: TestBrokerOptions) {
    this.disk = disk;
    this.#options = options;
  }

  static async start(options: TestBrokerOptions = {}): Promise<TestBroker> {
    const test = new TestBroker(new FakeDisk(), options);
    await test.open();
    return test;
  }

  get opened(): OpenBroker {
    if (this.#open === undefined) throw new Error('the broker is not open');
    return this.#open;
  }

  get broker(): Broker {
    return this.opened.broker;
  }

  async open(options: TestBrokerOptions = {}): Promise<void> {
    const { clock, scheduler } = this;
    const random = new SeededRandom(7);
    const { fileSystem = this.disk.mount(), ...settings } = { ...this.#options, ...options };
    this.#open = await openLocalBroker(
      { ...DEFAULTS, ...settings },
      {
        fileSystem,
        clock,
        scheduler,
        random,
        logger: silentLogger,
        observer: silentLogObserver,
        url: () => 'http://127.0.0.1:8080',
      },
    );
  }

  /** A clean stop and a new start. */
  async restart(): Promise<void> {
    await this.opened.close();
    await this.open();
  }

  /** The machine loses power, with all that was not synced, and the broker is started again. */
  async losePower(): Promise<void> {
    this.disk.crash();
    await this.open();
  }
}

const DEFAULTS: LocalBrokerSettings = {
  dataDir: DATA_DIR,
  clusterId: 'sluice',
  brokerId: 0,
  durability: 'fsync',
  diskReserveBytes: 0,
  syncsInFlightMax: 8,
  tailCacheBytes: 1024 * 1024,
  bufferMemoryBytes: 1024 * 1024,
  maxBlockMs: 5000,
  batchSizeBytes: 16_384,
  lingerMs: 0,
  longPollsMax: 100,
  diskReadsMax: 4,
  topicsMax: 10,
  partitionsMax: 30,
  partitionsPerBrokerMax: 30,
  autoCreateTopics: false,
  producerBatchesRemembered: 512,
  producerIdExpirationMs: 86_400_000,
  producerStateBytes: 64 * 1024 * 1024,
  producerStatePartitionBytes: 16 * 1024 * 1024,
  producerProtectedMs: 600_000,
  retentionCheckIntervalMs: 5000,
  compactionCheckIntervalMs: 5000,
  compactionBytesPerSecond: 16 * 1024 * 1024,
  compactionMapBytes: 1024 * 1024,
  offsetsTopicPartitions: 4,
  offsetsKeptMax: 1_000_000,
  offsetsKeptBytes: 64 * 1024 * 1024,
  offsetMetadataBytesMax: 4096,
  offsetsRetentionMinutes: 7 * 24 * 60,
};
