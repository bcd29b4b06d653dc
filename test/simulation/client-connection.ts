import type { Broker } from '#broker';
import type { SeededRandom } from '#runtime/testing';
import type { Machine } from './machine.js';
import type { World } from './world.js';

/** Longest latency between a client and a broker, ms. */
const WAY_MS_MAX = 1;

/** A broker gave no answer. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';

  constructor(readonly wasSent: boolean) {
    super(wasSent ? 'the connection was reset' : 'the connection was refused');
  }
}

/** The calls of clients to brokers, over a connection that ends with the broker's process. */
export class ClientConnection {
  readonly #world: World;
  readonly #random: SeededRandom;

  constructor(world: World, random: SeededRandom) {
    this.#world = world;
    this.#random = random;
  }

  /** @throws UnreachableError; the error of the broker */
  async call<T>(machine: Machine, act: (broker: Broker) => Promise<T>): Promise<T> {
    await this.#way();
    const { process, broker } = machine;
    if (process === undefined || broker === undefined) throw new UnreachableError(false);
    const answered = new Promise<T>((resolve, reject) => {
      const stopListening = process.onDeath(() => reject(new UnreachableError(true)));
      process.deliver(() => {
        act(broker).finally(stopListening).then(resolve, reject);
      });
    });
    const answer = await answered;
    await this.#way();
    return answer;
  }

  #way(): Promise<void> {
    return this.#world.sleep((this.#random.below(1000) / 1000) * WAY_MS_MAX);
  }
}
