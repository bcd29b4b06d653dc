/** A place in the line of a topic. */
export interface Turn {
  /** Resolves when all turns before it have ended. */
  readonly begins: Promise<void>;
  end(): void;
}

/**
 * The lines of sends that cannot be buffered at once: those of one topic wait for each other, so
 * that its records keep their order.
 *
 * Overlap: all methods are synchronous.
 */
export class Turns {
  /** The end of the last turn of each topic that has some. */
  readonly #last = new Map<string, Promise<void>>();

  /** True when sends of the topic wait, so that a new one must wait, too. */
  has(topic: string): boolean {
    return this.#last.size > 0 && this.#last.has(topic);
  }

  /** Takes a place in the line of a topic. */
  take(topic: string): Turn {
    const begins = this.#last.get(topic) ?? Promise.resolve();
    let resolve = (): void => undefined;
    const ended = new Promise<void>((done) => {
      resolve = done;
    });
    this.#last.set(topic, ended);
    const end = (): void => {
      if (this.#last.get(topic) === ended) this.#last.delete(topic);
      resolve();
    };
    return { begins, end };
  }
}
