import { Worker } from 'node:worker_threads';
import { type Logger, ProcessClock, type Scheduler } from '#runtime';
import { LeaseBoard } from '../lease/lease-board.js';
import type { LeaseThread, LeaseThreadOutcome } from '../lease/lease-thread.js';
import type { LeaseThreadData } from './lease-thread-data.js';

/** Time before a thread that ended is started again, ms. */
const RESTART_DELAY_MS = 1000;
/** Limits of several times the thread's use: it keeps one connection and no state. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4, stackSizeMb: 1 };

export interface RedisLeaseThreadOptions extends Omit<LeaseThreadData, 'memory'> {
  /** The bundle of lease-thread-main.ts. */
  readonly script: URL;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
}

/**
 * The lease thread as a worker thread of Node.js. A thread that ends by itself is started again.
 *
 * Overlap: all methods may overlap; only one worker runs at a time.
 */
export class RedisLeaseThread implements LeaseThread {
  readonly board = new LeaseBoard();
  readonly clock = new ProcessClock();
  readonly #options: RedisLeaseThreadOptions;
  #worker: Worker | undefined;
  #listener: ((outcome: LeaseThreadOutcome) => void) | undefined;
  #isClosed = false;

  constructor(options: RedisLeaseThreadOptions) {
    this.#options = options;
    this.#start();
  }

  listen(listener: (outcome: LeaseThreadOutcome) => void): void {
    this.#listener = listener;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#worker?.terminate();
  }

  #start(): void {
    if (this.#isClosed) return;
    const { script, logger, scheduler, url, clusterId, brokerId, intervalMs, loopSilenceMaxMs } =
      this.#options;
    const { memory } = this.board;
    const workerData: LeaseThreadData = {
      url,
      clusterId,
      brokerId,
      intervalMs,
      loopSilenceMaxMs,
      memory,
    };
    const worker = new Worker(script, {
      workerData,
      resourceLimits: RESOURCE_LIMITS,
      // Options of the program, such as preloaded modules, do not apply to this thread.
      execArgv: [],
      name: 'lease',
    });
    this.#worker = worker;
    worker.unref();
    worker.on('message', (outcome: LeaseThreadOutcome) => this.#listener?.(outcome));
    worker.on('error', (error: unknown) => {
      if (this.#isClosed) return;
      logger.error({ err: error }, 'the lease thread failed: the event loop renews the lease');
    });
    worker.on('exit', () => {
      if (!this.#isClosed) scheduler.after(RESTART_DELAY_MS, () => this.#start());
    });
  }
}
