/** Members of groups, and a source of records for them, in the process of the benchmark. */
import { WebSocket } from 'ws';
import { call } from './http.js';
import type { Server } from './processes.js';

/** Pause between two batches of a source, ms. */
const PACE_MS = 5;
const RETRY_MS = 20;

/** Produces one record to each partition of the topic, again and again. */
export class RecordSource {
  #isOver = false;
  #done: Promise<void> = Promise.resolve();

  /** @param servers brokers of which any is called; others may die */
  static start(partitions: number, servers: () => readonly Server[]): RecordSource {
    const source = new RecordSource();
    const all = Array.from({ length: partitions }, (_, partition) => partition);
    source.#done = source.#run(() => produce(anyOf(servers()), all));
    return source;
  }

  stop(): Promise<void> {
    this.#isOver = true;
    return this.#done;
  }

  async #run(produceAll: () => Promise<void>): Promise<void> {
    while (!this.#isOver) {
      await produceAll().catch(() => undefined);
      await pause(PACE_MS);
    }
  }
}

export interface BenchMemberOptions {
  /** Brokers of which any is called; others may die. */
  readonly servers?: () => readonly Server[];
  /** Produces a record to each partition that the member gets. */
  readonly isFed?: boolean;
  readonly request?: object;
}

/** A member over REST that polls until it leaves. */
export class BenchMember {
  /** Time of the first record, on the clock of `performance.now`. */
  readonly firstRecord: Promise<number>;
  longestPauseMs = 0;
  readonly #arrivalsMs: number[] = [];
  readonly #path: string;
  readonly #servers: () => readonly Server[];
  readonly #isFed: boolean;
  readonly #fed = new Set<number>();
  #isOver = false;
  #first: (atMs: number) => void = () => undefined;

  private constructor(path: string, server: Server, options: BenchMemberOptions) {
    const { servers = () => [server], isFed = false } = options;
    this.#path = path;
    this.#servers = servers;
    this.#isFed = isFed;
    this.firstRecord = new Promise((resolve) => {
      this.#first = resolve;
    });
  }

  static async join(
    server: Server,
    group: string,
    memberId: string,
    options: BenchMemberOptions = {},
  ): Promise<BenchMember> {
    const member = await BenchMember.joinOnly(server, group, memberId, options);
    void member.#poll();
    return member;
  }

  /** Joins and makes no further call. */
  static async joinOnly(
    server: Server,
    group: string,
    memberId: string,
    options: BenchMemberOptions = {},
  ): Promise<BenchMember> {
    const path = `/v1/groups/${group}/members`;
    const joined = await call(server, path, { memberId, topics: ['bench'], ...options.request });
    const member = new BenchMember(`${path}/${memberId}`, server, options);
    // A poll is answered when the assignment changes after the join, and when there are records.
    member.#feed(joined['assignment'] as PollAnswer['assignment']);
    return member;
  }

  recordsSince(atMs: number): number {
    return this.#arrivalsMs.filter((arrivalMs) => arrivalMs > atMs).length;
  }

  async leave(): Promise<void> {
    this.#isOver = true;
    const url = anyOf(this.#servers()).url + this.#path;
    await (await fetch(url, { method: 'DELETE' })).arrayBuffer();
  }

  async #poll(): Promise<void> {
    let cursor = '';
    while (!this.#isOver) {
      const query = `?waitMs=30000&limit=100${cursor === '' ? '' : `&cursor=${cursor}`}`;
      const url = anyOf(this.#servers()).url + this.#path;
      const response = await fetch(`${url}/records${query}`).catch(() => undefined);
      const text = await response?.text().catch(() => undefined);
      if (response?.ok !== true || text === undefined) {
        await pause(RETRY_MS);
        continue;
      }
      const answer = JSON.parse(text) as PollAnswer;
      cursor = answer.cursor;
      if (answer.records.length > 0) this.#arrived(performance.now());
      this.#feed(answer.assignment);
    }
  }

  #feed(assignment: PollAnswer['assignment']): void {
    if (!this.#isFed) return;
    const partitions = assignment.map(({ partition }) => partition);
    const added = partitions.filter((partition) => !this.#fed.has(partition));
    for (const partition of added) this.#fed.add(partition);
    if (added.length > 0) void produce(anyOf(this.#servers()), added);
  }

  #arrived(atMs: number): void {
    const lastMs = this.#arrivalsMs.at(-1);
    if (lastMs === undefined) this.#first(atMs);
    else this.longestPauseMs = Math.max(this.longestPauseMs, atMs - lastMs);
    this.#arrivalsMs.push(atMs);
  }
}

interface PollAnswer {
  readonly cursor: string;
  readonly records: readonly unknown[];
  readonly assignment: readonly { readonly partition: number }[];
}

/** Produces one record to each of the partitions. */
async function produce(server: Server, partitions: readonly number[]): Promise<void> {
  const records = partitions.map((partition) => ({ value: 0, partition }));
  await call(server, '/v1/topics/bench/records', { records });
}

/**
 * A member on a WebSocket, which counts the partitions that it has received records of. With
 * `isFed`, one record is produced to each partition that it gets.
 */
export class SocketMember {
  readonly #socket: WebSocket;
  readonly #server: Server;
  readonly #isFed: boolean;
  readonly #seen = new Set<number>();
  #wanted = Number.POSITIVE_INFINITY;
  #resolve: (atMs: number) => void = () => undefined;

  constructor(socket: WebSocket, server: Server, { isFed = false }: SocketMemberOptions) {
    this.#socket = socket;
    this.#server = server;
    this.#isFed = isFed;
    socket.on('message', (text: Buffer) => this.#received(String(text)));
  }

  terminate(): void {
    this.#socket.terminate();
  }

  /** Resolves when records of so many partitions have arrived. */
  untilReads(partitions: number): Promise<number> {
    this.#wanted = partitions;
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#check();
    });
  }

  #received(text: string): void {
    const { event, data } = JSON.parse(text) as SocketMessage;
    if (this.#isFed && (event === 'subscribed' || event === 'assigned')) {
      const partitions = (data.positions ?? data.partitions ?? []).map((one) => one.partition);
      if (partitions.length > 0) void produce(this.#server, partitions);
    }
    if (event !== 'records' || data.partition === undefined) return;
    this.#seen.add(data.partition);
    this.#check();
  }

  #check(): void {
    if (this.#seen.size >= this.#wanted) this.#resolve(performance.now());
  }
}

interface SocketMemberOptions {
  readonly isFed?: boolean;
}

interface SocketMessage {
  readonly event: string;
  readonly data: {
    readonly partition?: number;
    readonly positions?: readonly { readonly partition: number }[];
    readonly partitions?: readonly { readonly partition: number }[];
  };
}

/** A member that has its first answer. */
export async function memberSocket(
  server: Server,
  group: string,
  options: SocketMemberOptions = {},
): Promise<SocketMember> {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/ws`, 'sluice.v1');
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  const data = { subscription: 's', group, topics: ['bench'] };
  const member = new SocketMember(socket, server, options);
  const subscribed = new Promise((resolve) => socket.once('message', resolve));
  socket.send(JSON.stringify({ event: 'subscribe', id: 1, data }));
  await subscribed;
  return member;
}

function anyOf(servers: readonly Server[]): Server {
  const server = servers[Math.floor(Math.random() * servers.length)];
  if (server === undefined) throw new Error('no server runs');
  return server;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
