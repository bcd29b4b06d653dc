import type { SocketSubscription } from './socket-subscription.js';

/** The credit of a subscription: records that the gateway may send, and those that wait here. */
export class Credit {
  readonly #max: number;
  readonly #waiting: () => number;
  /** Records that the gateway may still send. */
  #granted = 0;

  constructor(max: number, waiting: () => number) {
    this.#max = max;
    this.#waiting = waiting;
  }

  /** Returns the credit of a new subscription. */
  first(): number {
    this.#granted = Math.max(1, this.#max - this.#waiting());
    return this.#granted;
  }

  received(records: number): void {
    this.#granted -= records;
  }

  /** Lets the gateway send more records to an open subscription once half of the room is free. */
  grant(subscription: Pick<SocketSubscription, 'isOpen' | 'send'>): void {
    const room = this.#max - this.#waiting() - this.#granted;
    if (!subscription.isOpen || room < this.#max / 2) return;
    this.#granted += room;
    subscription.send('credit', { records: room });
  }
}
