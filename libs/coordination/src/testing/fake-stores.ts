import { ProtocolError } from '#protocol';
import { FakeClock, FakeDisk, FakeScheduler, SeededRandom } from '#runtime/testing';
import type { CoordinationStore } from '../coordination-store.js';
import type { StoresUnderTest } from './conformance.js';
import { FakeCoordination, type FakeCoordinationOptions } from './fake-coordination.js';

/**
 * Stores on a fake registry and fake disks; time passes while a test waits.
 *
 * Overlap: only one of `until`, `whileTimePasses` and `untilDone` may run at a time: each advances
 * the clock.
 */
export class FakeStores implements StoresUnderTest {
  readonly isShared = true;
  readonly clock = new FakeClock();
  readonly scheduler = new FakeScheduler(this.clock);
  readonly coordination: FakeCoordination;
  readonly #disks = new Map<number, FakeDisk>();

  constructor(options: Pick<FakeCoordinationOptions, 'delayMs'> = {}) {
    const { clock, scheduler } = this;
    this.coordination = new FakeCoordination({
      ...options,
      clock,
      scheduler,
      random: new SeededRandom(1),
    });
  }

  disk(brokerId: number): FakeDisk {
    const disk = this.#disks.get(brokerId) ?? new FakeDisk();
    this.#disks.set(brokerId, disk);
    return disk;
  }

  replaceDisk(brokerId: number): void {
    this.#disks.delete(brokerId);
  }

  open(brokerId: number): Promise<CoordinationStore> {
    const fileSystem = this.disk(brokerId).mount();
    return this.whileTimePasses(this.coordination.open({ brokerId, fileSystem, dataDir: '/data' }));
  }

  /** Cuts a broker's power and starts it again; its earlier store becomes unusable. */
  crash(brokerId: number): Promise<CoordinationStore> {
    this.disk(brokerId).crash();
    return this.open(brokerId);
  }

  async until(condition: () => boolean): Promise<void> {
    for (let steps = 0; !condition(); steps += 1) {
      if (steps === 6000) throw new Error('the condition was not met within a minute');
      await this.scheduler.advance(10);
    }
  }

  /** Settles like `promise`, while time passes. */
  async whileTimePasses<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settle = (): void => void (isSettled = true);
    promise.then(settle, settle);
    await this.until(() => isSettled);
    return promise;
  }

  /** Repeats `attempt` for as long as the store is away. */
  async untilDone<T>(attempt: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await this.whileTimePasses(attempt());
      } catch (error) {
        if (!(error instanceof ProtocolError) || error.code !== 'BROKER_NOT_AVAILABLE') throw error;
      }
    }
  }
}
