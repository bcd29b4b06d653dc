import { silentLogObserver } from '#log';
import { type FileSystem, silentLogger } from '#runtime';
import { FakeClock, FakeDisk, FakeScheduler, SeededRandom } from '#runtime/testing';
import type { Broker } from '../broker.js';
import type { LocalBrokerSettings, OpenBroker } from '../local-broker-options.js';
import { openLocalBroker } from '../open-local-broker.js';
import { TEST_BROKER_SETTINGS } from './test-broker-settings.js';

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
      { ...TEST_BROKER_SETTINGS, ...settings },
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
