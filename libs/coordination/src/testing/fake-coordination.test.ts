import { beforeEach } from 'vitest';
import { FakeClock, FakeDisk, FakeScheduler, SeededRandom } from '#runtime/testing';
import type { CoordinationStore } from '../coordination-store.js';
import { describeCoordinationStore, type StoresUnderTest } from './conformance.js';
import { FakeCoordination } from './fake-coordination.js';

/** Stores on a fake registry whose time passes while anything is waited for. */
class FakeStores implements StoresUnderTest {
  readonly isShared = true;
  readonly clock = new FakeClock();
  readonly scheduler = new FakeScheduler(this.clock);
  readonly coordination = new FakeCoordination({
    clock: this.clock,
    scheduler: this.scheduler,
    random: new SeededRandom(1),
  });
  readonly #disks = new Map<number, FakeDisk>();

  open(brokerId: number): Promise<CoordinationStore> {
    const disk = this.#disks.get(brokerId) ?? new FakeDisk();
    this.#disks.set(brokerId, disk);
    const fileSystem = disk.mount();
    return this.passing(this.coordination.open({ brokerId, fileSystem, dataDir: '/data' }));
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await this.scheduler.advance(10);
  }

  /** What becomes of a promise while time passes. */
  async passing<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settle = (): void => void (isSettled = true);
    promise.then(settle, settle);
    await this.until(() => isSettled);
    return promise;
  }
}

let stores = new FakeStores();
beforeEach(() => {
  stores = new FakeStores();
});

describeCoordinationStore('FakeCoordination', () => stores);
