import type { Position, ReceivedRecord, SocketClient } from './socket-client.js';

interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** A member of a group over a WebSocket, which checks what it receives. */
export class GroupClient {
  /** Numbers of the partitions that it reads; its tests use one topic. */
  readonly partitions = new Set<number>();
  /** Records of partitions that were not its own, gaps and repeats. */
  readonly faults: string[] = [];
  readonly records: ReceivedRecord[] = [];
  readonly #nextOffsets = new Map<string, number>();
  #subscribed: readonly Position[] = [];

  private constructor(
    readonly client: SocketClient,
    readonly name: string,
  ) {
    client.socket.on('message', () => this.#take());
  }

  /** Subscribes as a member; throws if that is refused. */
  static async join(client: SocketClient, data: object, name = 's'): Promise<GroupClient> {
    const member = new GroupClient(client, name);
    member.#subscribed = await client.subscribe({ subscription: name, ...data });
    return member;
  }

  /** The numbers of its partitions, in order. */
  get numbers(): number[] {
    return inOrder([...this.partitions]);
  }

  /** Positions of the partitions that the answer to `subscribe` named. */
  get subscribed(): readonly Position[] {
    return this.#subscribed;
  }

  #take(): void {
    const message = this.client.messages.at(-1);
    if (message?.data.subscription !== this.name) return;
    const { positions = [], partitions = [], records = [] } = message.data;
    if (message.event === 'subscribed') this.#add(positions);
    else if (message.event === 'assigned') this.#add(partitions);
    else if (message.event === 'revoked') this.#remove(partitions);
    for (const record of records) this.#check(record);
  }

  #add(targets: readonly TopicPartition[]): void {
    for (const { topic, partition } of targets) {
      if (this.partitions.has(partition)) this.faults.push(`${partition} is assigned twice`);
      this.partitions.add(partition);
      this.#nextOffsets.delete(`${topic} ${partition}`);
    }
  }

  #remove(targets: readonly TopicPartition[]): void {
    for (const { partition } of targets) {
      if (!this.partitions.delete(partition)) this.faults.push(`${partition} is revoked twice`);
    }
  }

  #check(record: ReceivedRecord): void {
    const { topic, partition, offset } = record;
    this.records.push(record);
    if (!this.partitions.has(partition)) this.faults.push(`${offset} of ${partition}, not its own`);
    const name = `${topic} ${partition}`;
    const expected = this.#nextOffsets.get(name) ?? offset;
    if (offset !== expected) this.faults.push(`${offset} of ${partition} came for ${expected}`);
    this.#nextOffsets.set(name, offset + 1);
  }
}

/** Numbers of the partitions, in order. */
export function targetsOf(positions: readonly Position[]): number[] {
  return inOrder(positions.map(({ partition }) => partition));
}

function inOrder(numbers: readonly number[]): number[] {
  return numbers.toSorted((one, other) => one - other);
}
