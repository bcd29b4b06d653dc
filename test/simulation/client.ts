import type { SeededRandom } from '#runtime/testing';
import { ClientConnection } from './client-connection.js';
import type { History } from './history.js';
import type { Machine } from './machine.js';
import type { World } from './world.js';

/** The shared parts of all clients of a run. */
export interface ClientParts {
  readonly world: World;
  readonly history: History;
  /** Returns true when clients should begin no new request. */
  readonly isOver: () => boolean;
}

/** A client of the cluster; its own random numbers decide its actions. */
export class Client {
  protected readonly random: SeededRandom;
  protected readonly connection: ClientConnection;

  constructor(
    protected readonly parts: ClientParts,
    readonly name: string,
  ) {
    this.random = parts.world.randomOf(name);
    this.connection = new ClientConnection(parts.world, parts.world.randomOf(`way ${name}`));
  }

  protected anyMachine(): Machine {
    const { world } = this.parts;
    return world.machine(this.random.below(world.machines.length));
  }

  protected pause(msMax: number): Promise<void> {
    return this.parts.world.sleep((this.random.below(1000) / 1000) * msMax);
  }

  protected pick<T>(from: readonly [T, ...T[]]): T {
    return from[this.random.below(from.length)] ?? from[0];
  }
}
