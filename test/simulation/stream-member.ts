import type { MemberRecords, MemberState } from '#broker';
import { type Offset, ProtocolError, topicPartitionName } from '#protocol';
import { recordsIn } from './batches.js';
import type { ClientParts } from './client.js';
import { GroupWorker, type GroupWorkerOptions } from './group-worker.js';
import type { StreamLedger } from './stream-ledger.js';

export interface StreamMemberOptions extends GroupWorkerOptions {
  readonly topics: readonly string[];
  readonly autoOffsetReset: 'earliest' | 'latest';
  readonly autoCommit: boolean;
  /** True: its process has a name, and takes its partitions over after a restart. */
  readonly isStatic: boolean;
}

const PAUSE_MS_MAX = 250;
const POLL_WAIT_MS = 300;
const LIMIT_MAX = 40;
const POLL_BYTES = 20_000;
/** Errors that a well-behaved member never gets. */
const IMPOSSIBLE = ['INVALID_REQUEST', 'OFFSET_OUT_OF_RANGE', 'NO_OFFSET_FOR_PARTITION'];

/**
 * A member of a stream group, as a worker with a REST client is one. It repeats polls whose answers
 * were lost, commits, leaves, crashes without a word, and freezes for longer than its session: then
 * it goes on as if nothing had happened, until it is told that it is no longer a member.
 */
export class StreamMember extends GroupWorker {
  readonly #ledger: StreamLedger;
  readonly #options: StreamMemberOptions;
  readonly #isFaulty: () => boolean;
  #generation = 0;
  #cursor: string | undefined;
  /** Offsets after the records that it got in this membership, by partition. */
  readonly #next = new Map<string, { topic: string; partition: number; offset: Offset }>();
  readonly #committed = new Map<string, Offset>();

  /** @param isFaulty once it returns false the member behaves and polls without pauses */
  constructor(
    parts: ClientParts,
    ledger: StreamLedger,
    options: StreamMemberOptions,
    isFaulty: () => boolean,
  ) {
    super(parts, options, ledger.group, PAUSE_MS_MAX);
    this.#ledger = ledger;
    this.#options = options;
    this.#isFaulty = isFaulty;
  }

  protected override async act(memberId: string): Promise<void> {
    const { autoCommit } = this.#options;
    const draw = this.#isFaulty() ? this.random.below(100) : this.random.below(80);
    if (draw < 60 || (draw < 80 && autoCommit)) await this.#poll(memberId);
    else if (draw < 80) await this.#commit(memberId);
    else if (draw < 88) await this.#heartbeat(memberId);
    else if (draw < 92) await this.leave(memberId, 2);
    else if (draw < 95) this.crash();
    else if (draw < 98) await this.freeze();
    else await this.#commit(memberId);
  }

  protected override async join(): Promise<void> {
    const { name, isStatic, ...request } = this.#options;
    const instanceId = isStatic ? { instanceId: name } : {};
    const state = await this.joinAgain((broker, memberId) =>
      broker.groups.join(this.#ledger.group, { ...request, ...instanceId, memberId }),
    );
    if (state === undefined) return;
    this.#next.clear();
    this.#committed.clear();
    // A client that keeps its old cursor after a new join commits nothing with it.
    if (this.random.below(3) > 0) this.#cursor = undefined;
    this.#take(state);
  }

  protected override ended(how: 'left' | 'crashed' | 'gone'): void {
    if (how === 'crashed') this.#cursor = undefined;
    if (how === 'gone') this.#ledger.fenced += 1;
  }

  protected override failed(error: unknown): void {
    if (!(error instanceof ProtocolError)) return;
    const { world } = this.parts;
    if (IMPOSSIBLE.includes(error.code) && world.metadata.lost.size === 0) {
      world.violated(`I16: ${this.name} gets ${error.code}: ${error.message}`);
    }
    if (error.code === 'ILLEGAL_GENERATION') this.#ledger.fenced += 1;
  }

  async #poll(memberId: string): Promise<void> {
    const limit = 1 + this.random.below(LIMIT_MAX);
    const cursor = this.#cursor === undefined ? {} : { cursor: this.#cursor };
    const request = { limit, maxBytes: POLL_BYTES, waitMs: POLL_WAIT_MS, ...cursor };
    const answer = await this.asked((broker) =>
      broker.groups.poll(this.#ledger.group, memberId, request),
    );
    if (answer === undefined || answer === 'gone') return;
    if (!('cursorAfter' in answer)) throw new Error('a stream group was polled as a queue');
    // The answer is lost: the next poll has the same cursor.
    if (this.#isFaulty() && this.random.below(8) === 0) return;
    this.#take(answer);
    this.#takeRecords(memberId, answer, limit);
  }

  #takeRecords(memberId: string, answer: MemberRecords, limit: number): void {
    let left = limit;
    const nextOffsets = answer.reads.map(({ topic, partition, offset: from, batches }) => {
      const name = topicPartitionName({ topic, partition });
      let next = from;
      for (const { offset, value } of batches.flatMap(recordsIn)) {
        if (offset < next || left === 0) continue;
        left -= 1;
        this.#ledger.took(memberId, name, offset, value ?? '');
        next = offset + 1;
      }
      this.#next.set(name, { topic, partition, offset: next });
      return next;
    });
    this.#cursor = answer.cursorAfter(nextOffsets);
    for (const { topic, partition, to, from } of answer.resets) {
      const name = topicPartitionName({ topic, partition });
      if (this.parts.world.metadata.lost.has(name)) continue;
      this.parts.world.violated(`I16: ${memberId} is moved from ${from} to ${to} of ${name}`);
    }
  }

  async #heartbeat(memberId: string): Promise<void> {
    const generation = this.random.below(2) === 0 ? this.#generation : undefined;
    const state = await this.asked((broker) =>
      broker.groups.heartbeat(this.#ledger.group, memberId, generation),
    );
    if (state !== undefined && state !== 'gone') this.#take(state);
  }

  /** Commits what it got last, as a member without `autoCommit` does; a zombie does so, too. */
  async #commit(memberId: string): Promise<void> {
    const { group } = this.#ledger;
    const generation = this.#generation;
    const all = [...this.#next].filter(
      ([name, { offset }]) => offset > (this.#committed.get(name) ?? 0),
    );
    const [name, position] = all[this.random.below(all.length)] ?? [];
    if (name === undefined || position === undefined) return;
    const claim = this.#ledger.sent({ ...position, memberId, generation });
    this.#committed.set(name, position.offset);
    const isDone = await this.asked(
      async (broker) => {
        await broker.groups.commitAsMember({ group, memberId, generation, offsets: [position] });
        return true;
      },
      (outcome) => (claim.outcome = outcome === 'failed' ? 'refused' : 'unknown'),
    );
    if (isDone === true) claim.outcome = 'acknowledged';
  }

  #take(state: MemberState): void {
    this.#ledger.answered(state);
    this.#generation = state.generation;
  }
}
