import type { Position, RecordJson, TopicPartition } from '../received-record.js';
import { SluiceError } from '../sluice-error.js';
import { type FetchJson, fetchPartition } from '../subscription/partition-fetches.js';
import type { GroupLink, LinkEvents } from './group-link.js';
import { HttpMembership, type MembershipOptions } from './http-membership.js';

export interface HttpMemberOptions extends MembershipOptions {
  readonly bufferRecords: number;
  /** Number of records that wait for the program. */
  readonly waiting: () => number;
}

interface MemberJson {
  readonly generation: number;
  readonly assignment: readonly TopicPartition[];
  readonly revoking: readonly TopicPartition[];
}

interface PollJson extends MemberJson {
  readonly records: readonly RecordJson[];
  readonly cursor: string;
  readonly resets?: readonly (TopicPartition & { readonly to: number })[];
}

/**
 * A member of a group over HTTP: it joins, then polls while there is room for records, and
 * sends heartbeats otherwise. Polls go on where the last one ended; a partition that was sought is
 * read with fetches of its own instead.
 *
 * Overlap: one poll or heartbeat at a time; commits and fetches overlap with them.
 */
export class HttpMember implements GroupLink {
  readonly #options: HttpMemberOptions;
  readonly #events: LinkEvents;
  readonly #membership: HttpMembership<MemberJson>;
  /** Partitions that are read with fetches, by `topic:partition`. */
  readonly #sought = new Map<string, AbortController>();
  #generation = 0;
  #cursor: string | undefined;
  /** Revoked partitions that the program has not finished with. */
  #unreleased = 0;
  #mustRelease = false;

  constructor(options: HttpMemberOptions, events: LinkEvents) {
    this.#options = options;
    this.#events = events;
    this.#membership = new HttpMembership(options, {
      joined: (answer) => this.#take(answer),
      turn: () => this.#turn(),
      lost: (error) => this.#lost(error),
      failed: (error) => this.#events.failed(error),
    });
  }

  async commit(offsets: readonly Position[], signal?: AbortSignal): Promise<void> {
    if (!this.#membership.isJoined) {
      throw new SluiceError('UNKNOWN_MEMBER_ID', 'The member has not joined.', {
        retriable: true,
        outcome: 'failed',
      });
    }
    const json = JSON.stringify({ offsets, generation: this.#generation });
    await this.#membership.call({ method: 'PUT', path: '/offsets', json, signal });
  }

  async seek(position: Position): Promise<void> {
    this.#events.sought(position);
    this.#stopFetchesOf(keyOf(position));
    const stop = new AbortController();
    this.#sought.set(keyOf(position), stop);
    void this.#fetchFrom(position, AbortSignal.any([stop.signal, this.#membership.signal]));
    await Promise.resolve();
  }

  release(partitions: readonly TopicPartition[]): void {
    this.#unreleased = Math.max(0, this.#unreleased - partitions.length);
    this.#membership.wake();
  }

  read(): void {
    this.#membership.wake();
  }

  close(): Promise<void> {
    return this.#membership.close();
  }

  /** Polls, or sends a heartbeat when there is no room for records. */
  async #turn(): Promise<void> {
    const { bufferRecords, waiting } = this.#options;
    const limit = bufferRecords - waiting();
    if (this.#unreleased === 0 && limit >= Math.min(bufferRecords / 2, 500)) {
      await this.#poll(limit);
      return;
    }
    const isDue = await this.#membership.rest();
    if (isDue || (this.#unreleased === 0 && this.#mustRelease)) await this.#heartbeat();
  }

  async #poll(limit: number): Promise<void> {
    const query = { cursor: this.#cursor, limit: Math.min(limit, 500) };
    const polled = await this.#membership.poll<PollJson>(query);
    this.#cursor = polled.cursor;
    this.#take(polled);
    for (const { topic, partition, to } of polled.resets ?? []) {
      this.#events.moved({ topic, partition, offset: to });
    }
    for (const run of runsOf(polled.records)) {
      const [first] = run;
      if (first === undefined || this.#sought.has(keyOf(first))) continue;
      const highWatermark = (run.at(-1)?.offset ?? 0) + 1;
      this.#events.records(first, run, { highWatermark });
    }
  }

  /** Renews the session, and releases partitions once the program has finished with them. */
  async #heartbeat(): Promise<void> {
    const releases = this.#mustRelease && this.#unreleased === 0;
    if (releases) this.#mustRelease = false;
    const body = releases ? { generation: this.#generation } : {};
    this.#take(await this.#membership.heartbeat<MemberJson>(body));
  }

  #take({ generation, assignment, revoking }: MemberJson): void {
    this.#generation = generation;
    for (const key of this.#sought.keys()) {
      if (!assignment.some((target) => keyOf(target) === key)) this.#stopFetchesOf(key);
    }
    if (revoking.length > 0) {
      // Another poll would release the partitions.
      this.#mustRelease = true;
      this.#unreleased = revoking.length;
      this.#events.revoking(revoking);
    }
    this.#events.assigned(assignment, true);
  }

  #lost(error: unknown): void {
    this.#cursor = undefined;
    this.#unreleased = 0;
    this.#mustRelease = false;
    for (const key of this.#sought.keys()) this.#stopFetchesOf(key);
    this.#events.lost(undefined, error);
  }

  /** Reads a partition from a position until it is stopped. Never rejects. */
  async #fetchFrom(position: Position, signal: AbortSignal): Promise<void> {
    const { caller, endpoints, bufferRecords, format, waiting } = this.#options;
    const onRecords = (fetched: FetchJson): void => {
      this.#events.records(position, fetched.records, fetched);
    };
    const room = async (): Promise<void> => {
      while (waiting() >= bufferRecords && !signal.aborted) await this.#membership.woken();
    };
    const fetches = { caller, endpoints, format, signal, onRecords, room };
    await fetchPartition(position, fetches).catch((error: unknown) => this.#events.failed(error));
  }

  #stopFetchesOf(key: string): void {
    this.#sought.get(key)?.abort();
    this.#sought.delete(key);
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}:${partition}`;
}

/** Splits records into runs of one partition. */
function runsOf(records: readonly RecordJson[]): RecordJson[][] {
  const runs: RecordJson[][] = [];
  let last: RecordJson | undefined;
  for (const record of records) {
    const isSame = last?.topic === record.topic && last.partition === record.partition;
    if (isSame) runs.at(-1)?.push(record);
    else runs.push([record]);
    last = record;
  }
  return runs;
}
