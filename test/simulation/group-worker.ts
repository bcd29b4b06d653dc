import type { Broker } from '#broker';
import { ProtocolError } from '#protocol';
import { Client, type ClientParts } from './client.js';
import { outcomeOf } from './history.js';

export interface GroupWorkerOptions {
  readonly name: string;
  readonly sessionTimeoutMs: number;
}

/** Errors by which a member learns that it is no longer one. */
const GONE = ['UNKNOWN_MEMBER_ID', 'FENCED_MEMBER_EPOCH'];
const RETRY_MS_MAX = 400;

/**
 * A worker of a group with a REST client: it joins, acts as its subclass says until it is no
 * longer one, and joins again under a new id. It leaves, crashes without leaving, and freezes for
 * longer than its session.
 */
export abstract class GroupWorker extends Client {
  /** Undefined while it is not a member. */
  protected memberId: string | undefined;
  readonly #group: string;
  readonly #sessionTimeoutMs: number;
  /** Longest time between two actions, ms. */
  readonly #pauseMsMax: number;
  #processes = 0;

  constructor(
    parts: ClientParts,
    { name, sessionTimeoutMs }: GroupWorkerOptions,
    group: string,
    pauseMsMax: number,
  ) {
    super(parts, name);
    this.#group = group;
    this.#sessionTimeoutMs = sessionTimeoutMs;
    this.#pauseMsMax = pauseMsMax;
  }

  async run(): Promise<void> {
    await this.pause(this.random.below(2) * 4000);
    while (!this.parts.isOver()) {
      if (this.memberId === undefined) await this.join();
      else await this.act(this.memberId);
      await this.pause(this.#pauseMsMax);
    }
  }

  protected abstract join(): Promise<void>;

  /** Does one thing that a member does. */
  protected abstract act(memberId: string): Promise<void>;

  /** Called when its process or its membership has ended; `memberId` is undefined by then. */
  protected abstract ended(how: 'left' | 'crashed' | 'gone'): void;

  /** Called for each error of a call. */
  protected abstract failed(error: unknown): void;

  /** Joins under a new id; the same id again after a lost answer, so that no ghost remains. */
  protected async joinAgain<T>(
    join: (broker: Broker, memberId: string) => Promise<T>,
  ): Promise<T | undefined> {
    this.#processes += 1;
    const memberId = `${this.name}.${this.#processes}`;
    while (!this.parts.isOver()) {
      const state = await this.asked((broker) => join(broker, memberId));
      if (state === 'gone') return undefined;
      if (state !== undefined) {
        this.memberId = memberId;
        return state;
      }
      await this.pause(RETRY_MS_MAX);
    }
    return undefined;
  }

  /** @param sessions time that it stays away afterwards */
  protected async leave(memberId: string, sessions: number): Promise<void> {
    const hasLeft = await this.asked(async (broker) => {
      await broker.groups.leave(this.#group, memberId);
      return true;
    });
    if (hasLeft !== true) return;
    this.#end('left');
    await this.pause(sessions * this.#sessionTimeoutMs);
  }

  /** The process ends without a word; another one starts. */
  protected crash(): void {
    this.parts.world.trace.add('member', `${this.memberId} crashes`);
    this.#end('crashed');
  }

  /** The process is stopped for longer than its session. */
  protected async freeze(): Promise<void> {
    this.parts.world.trace.add('member', `${this.memberId} freezes`);
    const ms = this.#sessionTimeoutMs;
    await this.parts.world.sleep(ms + this.random.below(ms));
  }

  /** @returns undefined without an answer; `gone` when it is no longer a member */
  protected async asked<T>(
    call: (broker: Broker) => Promise<T>,
    unanswered: (outcome: 'failed' | 'unknown' | 'applied') => void = () => undefined,
  ): Promise<T | 'gone' | undefined> {
    const { world } = this.parts;
    try {
      return await this.connection.call(this.anyMachine(), call);
    } catch (error) {
      const outcome = outcomeOf(error);
      if (outcome === undefined) world.unexpected(this.name, error);
      else unanswered(outcome);
      this.failed(error);
      if (!(error instanceof ProtocolError) || !GONE.includes(error.code)) return undefined;
      world.trace.add('member', `${this.memberId} is no longer a member: ${error.code}`);
      this.#end('gone');
      return 'gone';
    }
  }

  #end(how: 'left' | 'crashed' | 'gone'): void {
    this.memberId = undefined;
    this.ended(how);
  }
}
