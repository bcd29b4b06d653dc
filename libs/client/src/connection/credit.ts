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

  /** Returns the records to grant now; 0 until half of the room is free. */
  more(): number {
    const room = this.#max - this.#waiting() - this.#granted;
    if (room < this.#max / 2) return 0;
    this.#granted += room;
    return room;
  }
}
