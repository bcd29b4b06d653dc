import { describe, expect, it } from 'vitest';
import type { TopicMetadata } from '#coordination';
import { RecordBatch } from '#log';
import { ProtocolError } from '#protocol';
import { NotLeaderError, type Partition } from '#replication';
import { ledPartition } from '#replication/testing';
import { FakeClock, SeededRandom } from '#runtime/testing';
import type { ProduceRequest, ProduceResult } from './broker.js';
import type { BatchAppended, LeaderAppend } from './cluster/leader-transport.js';
import { LocalLeader } from './cluster/local-leader.js';
import { PartitionWriter } from './partition-writer.js';
import { PendingProduce } from './pending-produce.js';
import type { Requester } from './requester.js';
import { produceOf } from './testing/records.js';
import { Topic } from './topic.js';

describe('PartitionWriter', () => {
  it('writes gathered entries as one batch and continues its own sequence', async () => {
    const world = new World();
    const answers = [world.write(['a'], ['b', 'c']), world.write(['d'])];
    const [first, second] = (await Promise.all(answers)).map((one) => one.map(baseOffsetOf));
    expect(first).toEqual([0, 1]);
    expect(second).toEqual([3]);
    expect(world.leader.sent).toEqual(['id 1 seq 0 x3', 'id 1 seq 3 x1']);
  });

  it('sends nothing while a send is unresolved, and never what timed out meanwhile', async () => {
    const world = new World();
    const resolve = world.leader.hold();
    const first = world.write(['a']);
    const late = world.pending(['late']);
    const second = world.send([late]);
    await turn();
    expect(world.leader.sent).toEqual(['id 1 seq 0 x1']);
    for (const entry of late.entries) entry.fail(new ProtocolError('REQUEST_TIMED_OUT', 'Late.'));
    resolve();
    await Promise.all([first, second]);
    expect(world.leader.sent).toHaveLength(1);
    await world.write(['b']);
    expect(world.leader.sent).toEqual(['id 1 seq 0 x1', 'id 1 seq 1 x1']);
  });

  it('reuses the sequences of batches that are certainly not in the log', async () => {
    const world = new World();
    world.leader.failNext(new ProtocolError('NOT_ENOUGH_REPLICAS', 'No.'));
    const [failed] = await world.write(['a']);
    expect(failed).toMatchObject({ code: 'NOT_ENOUGH_REPLICAS' });
    await world.write(['b']);
    expect(world.leader.sent).toEqual(['id 1 seq 0 x1', 'id 1 seq 0 x1']);
  });

  it('continues as another producer after a send of unknown outcome', async () => {
    const world = new World();
    world.leader.failNext(new ProtocolError('REQUEST_TIMED_OUT', 'No answer.'));
    const [failed] = await world.write(['a']);
    expect(failed).toMatchObject({ code: 'REQUEST_TIMED_OUT', outcome: 'unknown' });
    await world.write(['b']);
    expect(world.leader.sent).toEqual(['id 1 seq 0 x1', 'id 2 seq 0 x1']);
  });

  it('sends again as another producer when the leader does not know the first one', async () => {
    const world = new World();
    await world.write(['a']);
    world.leader.answerNext([
      { error: new ProtocolError('OUT_OF_ORDER_SEQUENCE_NUMBER', 'A gap.') },
    ]);
    const [result] = await world.write(['b']);
    expect(baseOffsetOf(result)).toBe(1);
    expect(world.leader.sent).toEqual(['id 1 seq 0 x1', 'id 1 seq 1 x1', 'id 2 seq 0 x1']);
  });

  it("sends a client's batch alone, as the client's", async () => {
    const world = new World();
    const producer = { producerId: 77, producerEpoch: 1, sequence: 5 };
    const pending = world.pending([{ value: 'a', partition: 0 }], { producer });
    const answer = pending.answer();
    await world.send([pending]);
    expect((await answer).parts[0]?.baseOffset).toBe(0);
    expect(world.leader.sent).toEqual(['id 77 seq 5 x1']);
  });

  it('names each caller once, and fails only the requests of the one that is refused', async () => {
    const world = new World();
    const [ada, eve] = [callerOf('user:ada'), callerOf('user:eve')];
    world.leader.refused = eve;
    const requests = [ada, eve, ada].map((requester) => world.pending(['a'], {}, requester));
    const answers = requests.map((one) => one.answer().catch((error: ProtocolError) => error));
    await world.send(requests);
    const [first, refused, third] = await Promise.all(answers);
    expect(refused).toMatchObject({ code: 'TOPIC_AUTHORIZATION_FAILED', outcome: 'failed' });
    expect([first, third].map(baseOffsetOf)).toEqual([0, 1]);
    expect(world.leader.callers).toEqual([[ada, eve], [ada], [eve], [ada]]);
  });

  it('asks for all acknowledgements when one of the requests wants them', async () => {
    const world = new World();
    await world.send([world.pending(['a'], { acks: '1' }), world.pending(['b'], { acks: '1' })]);
    await world.send([world.pending(['a'], { acks: '1' }), world.pending(['b'])]);
    expect(world.leader.acks).toEqual(['1', 'all']);
  });

  it('answers each request by the batches that its records are in', async () => {
    const world = new World({ 'max.message.bytes': '200' });
    const large = 'x'.repeat(80);
    world.leader.answerNext([
      { result: appended(10, 1) },
      { error: new ProtocolError('KAFKA_STORAGE_ERROR', 'Full.') },
      { error: new ProtocolError('OUT_OF_ORDER_SEQUENCE_NUMBER', 'Behind it.') },
    ]);
    const results = await world.write([large], [large, large]);
    expect(world.leader.sent).toHaveLength(3);
    expect(baseOffsetOf(results[0])).toBe(10);
    expect(results[1]).toMatchObject({ code: 'KAFKA_STORAGE_ERROR', outcome: 'failed' });
    // The first batch is in the log: the next one follows it.
    await world.write(['b']);
    expect(world.leader.sent.at(-1)).toBe('id 1 seq 1 x1');
  });

  it('reports an unknown outcome for a request that is partly in the log', async () => {
    const world = new World({ 'max.message.bytes': '200' });
    const large = 'x'.repeat(80);
    world.leader.answerNext([
      { result: appended(10, 1) },
      { error: new ProtocolError('NOT_ENOUGH_REPLICAS', 'Too few.') },
    ]);
    const [result] = await world.write([large, large]);
    expect(result).toMatchObject({ code: 'NOT_ENOUGH_REPLICAS', outcome: 'unknown' });
  });

  it('answers an error without a code as a fault of unknown outcome', async () => {
    const world = new World();
    const cause = new RangeError('a bug');
    world.leader.failNext(cause);
    const [result] = await world.write(['a']);
    expect(result).toMatchObject({ code: 'UNKNOWN_SERVER_ERROR', outcome: 'unknown', cause });
  });

  it('reports records of a request that are in the log with others between them', async () => {
    const world = new World({ 'max.message.bytes': '200' });
    const large = 'x'.repeat(80);
    world.leader.answerNext([{ result: appended(10, 1) }, { result: appended(12, 1) }]);
    const [result] = await world.write([large, large]);
    expect(result).toMatchObject({ code: 'DUPLICATE_SEQUENCE_NUMBER', outcome: 'applied' });
  });
});

describe('PartitionWriter at the only replica', () => {
  it('appends at once, without a producer id and without waiting for its turn', async () => {
    const world = new World();
    await world.leadAlone();
    const answers = await Promise.all([world.write(['a'], ['b']), world.write(['c'])]);
    expect(answers.flat().map(baseOffsetOf)).toEqual([0, 1, 2]);
    expect(world.leader.sent).toEqual([]);
    const batches = world.partition?.log.reader.readCached(0, 1000, 3) ?? [];
    expect(batches.map(({ producerId }) => producerId)).toEqual([-1, -1]);
  });

  it('refuses only the request over the limit of the topic, among many records', async () => {
    const world = new World({ 'max.message.bytes': '200' });
    await world.leadAlone();
    const [large, others] = await world.write(['x'.repeat(300)], Array(9000).fill('a'));
    expect(large).toMatchObject({ code: 'MESSAGE_TOO_LARGE', outcome: 'failed' });
    expect(baseOffsetOf(others)).toBe(0);
  });

  it('sends refused records to the next leader under its own producer id', async () => {
    const world = new World();
    const partition = await world.leadAlone();
    const answer = world.write(['a']);
    const next = { ...partition.metadata, leader: 1, leaderEpoch: 1, electionId: 'second' };
    await partition.becomeFollower(next);
    const [result] = await answer;
    expect(baseOffsetOf(result)).toBe(0);
    expect(world.leader.sent).toEqual(['id 1 seq 0 x1']);
    expect(partition.log.offsets.logEnd).toBe(0);
  });

  it('sends under a producer id once the partition has other replicas', async () => {
    const world = new World();
    const partition = await world.leadAlone();
    await world.write(['a']);
    partition.updateMetadata({ ...partition.metadata, partitionEpoch: 1, replicas: [0, 1] });
    await world.write(['b']);
    expect(world.leader.sent).toEqual(['id 1 seq 0 x1']);
  });
});

/** A leader that appends everything, or does as it is told. */
class ScriptedLeader {
  readonly sent: string[] = [];
  readonly acks: string[] = [];
  readonly callers: LeaderAppend['callers'][] = [];
  /** A caller whose records are refused. */
  refused: Requester | undefined;
  #nextOffset = 0;
  #next: (() => BatchAppended[]) | undefined;
  #held: Promise<void> | undefined;

  failNext(error: Error): void {
    this.#next = () => {
      throw error;
    };
  }

  answerNext(answer: BatchAppended[]): void {
    this.#next = () => answer;
  }

  /** @returns lets the next send be answered */
  hold(): () => void {
    let resolve = (): void => undefined;
    this.#held = new Promise((done) => {
      resolve = done;
    });
    return resolve;
  }

  async append({ batches, acks, callers }: LeaderAppend): Promise<BatchAppended[]> {
    this.acks.push(acks);
    this.callers.push(callers);
    for (const bytes of batches) {
      const { producerId, baseSequence, recordCount } = new RecordBatch(bytes);
      this.sent.push(`id ${producerId} seq ${baseSequence} x${recordCount}`);
      expect(new RecordBatch(bytes).isCrcValid()).toBe(true);
    }
    const next = this.#next;
    this.#next = undefined;
    await this.#held;
    if (this.refused !== undefined && callers?.includes(this.refused) === true) {
      throw new ProtocolError('TOPIC_AUTHORIZATION_FAILED', 'No.');
    }
    if (next !== undefined) return next();
    return batches.map((bytes) => {
      const { recordCount } = new RecordBatch(bytes);
      this.#nextOffset += recordCount;
      return { result: appended(this.#nextOffset - recordCount, recordCount) };
    });
  }
}

class World {
  readonly leader = new ScriptedLeader();
  /** The partition, when this broker keeps it. */
  partition: Partition | undefined;
  readonly writer: PartitionWriter;
  readonly topic: Topic;
  #lastId = 0;

  constructor(configs: TopicMetadata['configs'] = {}) {
    const metadata = { name: 'events', id: 'topic-id', version: 0, configs, partitions: [] };
    const options = { batchSizeBytes: 1000, random: new SeededRandom(1) };
    this.topic = new Topic(metadata, { partition: () => this.partition }, options);
    const localLeader = new LocalLeader({
      replicas: { leaderOrThrow: () => this.#leadPartition() },
      isLeaseValid: () => true,
    });
    this.writer = new PartitionWriter({
      clock: new FakeClock(),
      batchSizeBytes: 1000,
      nextProducerId: () => {
        this.#lastId += 1;
        return Promise.resolve(this.#lastId);
      },
      localLeader,
      appendAtLeader: (append) => this.leader.append(append),
      partitions: { fetch: () => Promise.reject(new Error('not to be called')) },
    });
  }

  pending(
    records: Parameters<typeof produceOf>[1],
    options: Partial<ProduceRequest> = {},
    requester?: Requester,
  ): PendingProduce {
    const part = { partition: 0, indexes: undefined, sizeBytes: 10 };
    const request = produceOf('events', records, options);
    return new PendingProduce(request, [part], () => undefined, requester);
  }

  /** Lets this broker lead the partition without any other replica. */
  async leadAlone(): Promise<Partition> {
    const { partition } = await ledPartition({ member: { isMetadataShared: true } });
    this.partition = partition;
    return partition;
  }

  #leadPartition(): Partition {
    if (this.partition?.isLeader === true) return this.partition;
    throw new NotLeaderError('NOT_LEADER_OR_FOLLOWER', null, 0);
  }

  send(requests: readonly PendingProduce[]): Promise<void> {
    const entries = requests.flatMap((request) => request.entries);
    return this.writer.write(this.topic, 0, entries);
  }

  /** Writes requests together; answers each with its result or its error. */
  async write(...requests: readonly string[][]): Promise<(ProduceResult | ProtocolError)[]> {
    const pending = requests.map((values) => this.pending(values));
    const answers = pending.map((one) => one.answer().catch((error: ProtocolError) => error));
    await this.send(pending);
    return Promise.all(answers);
  }
}

function callerOf(principal: string): Requester {
  const credential = { kind: 'token' } as const;
  return { principal, groups: [], isSuperUser: false, credential, expiresAtMs: null };
}

function appended(baseOffset: number, records: number) {
  const lastOffset = baseOffset + records - 1;
  return { baseOffset, lastOffset, logAppendTimeMs: null, isDuplicate: false };
}

function baseOffsetOf(result: ProduceResult | ProtocolError | undefined): number | null {
  if (result === undefined || result instanceof ProtocolError) throw new Error(String(result));
  return result.parts[0]?.baseOffset ?? null;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
