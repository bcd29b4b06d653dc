import type { Logger, Scheduler, Timer } from '#runtime';

/**
 * Work that is done again and again: the next time begins `intervalMs` after the last has ended.
 */
export class RepeatedTask {
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #isStopped = false;
  /** What the last run failed with: a fault that lasts is logged once. */
  #lastFailure: string | undefined;
  readonly #scheduler: Scheduler;
  readonly #logger: Logger;
  readonly #task: {
    readonly name: string;
    readonly intervalMs: number;
    readonly run: () => Promise<void>;
  };

  /** @param task what it rejects with is logged, and does not end the repetition */
  constructor(
    scheduler: Scheduler,
    logger: Logger,
    task: {
      readonly name: string;
      readonly intervalMs: number;
      readonly run: () => Promise<void>;
    },
  ) {
    this.#scheduler = scheduler;
    this.#logger = logger;
    this.#task = task;

    this.#wait();
  }

  /** No run begins any more; resolves when the one under way has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#running;
  }

  #wait(): void {
    if (this.#isStopped) return;
    this.#timer = this.#scheduler.after(this.#task.intervalMs, () => {
      this.#running = this.#run();
    });
  }

  async #run(): Promise<void> {
    try {
      await this.#task.run();
      this.#lastFailure = undefined;
    } catch (error) {
      const failure = String(error);
      if (failure !== this.#lastFailure) {
        this.#logger.error({ err: error, task: this.#task.name }, 'a background task failed');
      }
      this.#lastFailure = failure;
    }
    this.#running = undefined;
    this.#wait();
  }
}
