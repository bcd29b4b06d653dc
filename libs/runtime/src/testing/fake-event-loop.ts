import type { Scheduler, Timer } from '../clock.js';

/**
 * The event loop of one process: tasks that become due while it is busy run when it is free again.
 */
export class FakeEventLoop implements Scheduler {
  readonly #scheduler: Scheduler;
  readonly #held: (() => void)[] = [];
  #isBusy = false;

  /** @param scheduler the scheduler of the machine */
  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  after(delayMs: number, task: () => void): Timer {
    let isCancelled = false;
    const timer = this.#scheduler.after(delayMs, () =>
      this.run(() => {
        if (!isCancelled) task();
      }),
    );
    return {
      cancel: () => {
        isCancelled = true;
        timer.cancel();
      },
    };
  }

  soon(task: () => void): void {
    this.#scheduler.soon(() => this.run(task));
  }

  /** Runs a task in the loop: at once, or when the loop is free again. */
  run(task: () => void): void {
    if (this.#isBusy) this.#held.push(task);
    else task();
  }

  /** Keeps the loop busy until `becomeFree`. */
  becomeBusy(): void {
    this.#isBusy = true;
  }

  becomeFree(): void {
    this.#isBusy = false;
    for (const task of this.#held.splice(0)) this.run(task);
  }
}
