import type { Logger, Scheduler, Timer } from '#runtime';

/**
 * Work repeated in the background: each run begins `intervalMs` after the one before has ended.
 *
 * Overlap: runs never overlap each other; `stop` may come at any time and waits for the run in
 * progress.
 */
export class RepeatedTask {
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #isStopped = false;
  /** Message of the last failure: a persistent fault is logged once. */
  #lastFailure: string | undefined;
  readonly #scheduler: Scheduler;
  readonly #logger: Logger;
  readonly #task: {
    readonly name: string;
    readonly intervalMs: number;
    readonly run: () => Promise<void>;
  };

  /** @param task its rejections are logged and do not end the repetition */
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

  /** Begins no further run; resolves when the run in progress has ended. */
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
