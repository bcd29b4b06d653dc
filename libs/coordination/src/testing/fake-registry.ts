import type { Scheduler } from '#runtime';
import type { ClusterState, MetadataCommit } from '../cluster-state.js';
import type { RebuildRound } from '../registry/rebuild-rounds.js';
import type {
  ClusterDocument,
  CommitReply,
  RegisteredCluster,
  Registry,
} from '../registry/registry.js';
import { RegistryAwayError } from '../registry-errors.js';
import { FakeRegistryCalls } from './fake-registry-calls.js';
import type { FakeRegistryData } from './fake-registry-data.js';

const CALL_TIMEOUT_MS = 1000;
const RECONNECT_DELAY_MS = 100;

export interface FakeRegistryOptions {
  readonly data: FakeRegistryData;
  readonly scheduler: Scheduler;
  /** Returns true when a connection can be made. */
  readonly isReachable: () => boolean;
  /** Duration of a request, and of its answer, ms; 0: they arrive at once. */
  readonly delayMs: () => number;
  /** Called after every call that may have changed the data. */
  readonly onChanged: () => void;
}

/**
 * A broker's connection to a fake registry; FakeCoordination injects its faults.
 *
 * Overlap: all calls may overlap; each runs on the data in one synchronous step.
 */
export class FakeRegistry extends FakeRegistryCalls implements Registry {
  readonly #options: FakeRegistryOptions;
  #listener: Parameters<Registry['listen']>[0] | undefined;
  #isReady = false;
  #isClosed = false;
  #isHeld = false;
  #losesNextReply = false;
  /** Set while calls hang; `over` resolves when they continue. */
  #pause: { readonly over: Promise<void>; readonly end: () => void } | undefined;
  /** Called when a wait for commits ends for any reason. */
  readonly #waits = new Set<() => void>();
  readonly #breaks = new Set<(error: RegistryAwayError) => void>();

  constructor(options: FakeRegistryOptions) {
    super();
    this.#options = options;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  get lastError(): unknown {
    return this.#isReady ? undefined : new Error('the connection is refused');
  }

  /** Connects, if that is possible now. */
  connect(): void {
    if (this.#isReady || this.#isClosed || !this.#options.isReachable()) return;
    this.#isReady = true;
    this.#listener?.onReady();
  }

  disconnect(): void {
    if (!this.#isReady) return;
    this.#isReady = false;
    const error = new RegistryAwayError(true, new Error('the connection was reset'));
    for (const fail of this.#breaks) fail(error);
    this.#listener?.onLost();
  }

  /** Leaves calls without an answer until `resume`; calls that were sent are executed then. */
  pause(): void {
    if (this.#pause !== undefined) return;
    let end: () => void = () => undefined;
    const over = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#pause = { over, end };
  }

  resume(): void {
    this.#pause?.end();
    this.#pause = undefined;
  }

  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    this.notify();
  }

  loseNextReply(): void {
    this.#losesNextReply = true;
  }

  /** Wakes waits for commits: there may be new ones. */
  notify(): void {
    for (const wake of this.#waits) wake();
  }

  listen(listener: { readonly onReady: () => void; readonly onLost: () => void }): void {
    this.#listener = listener;
  }

  commit(
    cluster: RegisteredCluster,
    before: ClusterState,
    commit: MetadataCommit,
    timeoutMs: number,
  ): Promise<CommitReply> {
    const isLost = this.#losesNextReply;
    this.#losesNextReply = false;
    return this.call((data) => {
      const reply = data.commit(cluster, before, commit);
      this.#options.onChanged();
      if (isLost) throw new RegistryAwayError(true, new Error('the reply was lost'));
      return reply;
    }, timeoutMs);
  }

  async nextCommits(version: number, waitMs: number): Promise<MetadataCommit[]> {
    const { scheduler, data } = this.#options;
    const read = (): MetadataCommit[] => (this.#isHeld ? [] : data.commitsAfter(version));
    if (read().length === 0) {
      await this.#orBroken(
        new Promise<void>((resolve) => {
          const end = (): void => {
            this.#waits.delete(wake);
            timer.cancel();
            resolve();
          };
          const wake = (): void => {
            if (this.#pause === undefined && read().length > 0) end();
          };
          const timer = scheduler.after(waitMs, end);
          this.#waits.add(wake);
        }),
      );
    }
    return this.call(read);
  }

  override installRebuilt(
    round: RebuildRound,
    document: ClusterDocument,
    state: ClusterState,
  ): Promise<boolean> {
    return this.call((data) => {
      const isInstalled = data.installRebuilt(round, document, state);
      this.#options.onChanged();
      return isInstalled;
    });
  }

  close(): void {
    this.disconnect();
    this.#isClosed = true;
  }

  protected override async call<T>(
    run: (data: FakeRegistryData) => T,
    timeoutMs = CALL_TIMEOUT_MS,
  ): Promise<T> {
    if (!this.#isReady) throw new RegistryAwayError(false, this.lastError);
    const done = (async () => {
      await this.#hop();
      if (this.#pause !== undefined) await this.#pause.over;
      const reply = run(this.#options.data);
      await this.#hop();
      return reply;
    })();
    const { scheduler } = this.#options;
    const timer = scheduler.after(timeoutMs, () => {
      this.disconnect();
      scheduler.after(RECONNECT_DELAY_MS, () => this.connect());
    });
    try {
      return await this.#orBroken(done);
    } finally {
      timer.cancel();
    }
  }

  /** Settles like `promise`, unless the connection breaks first. */
  #orBroken<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#breaks.add(reject);
      promise.then(resolve, reject).finally(() => this.#breaks.delete(reject));
    });
  }

  #hop(): Promise<void> {
    const delayMs = this.#options.delayMs();
    if (delayMs <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#options.scheduler.after(delayMs, resolve);
    });
  }
}
