import { describe, expect, it } from 'vitest';
import type { PeerMessage } from './peers.js';
import {
  decodeReplicaFetchRequest,
  decodeReplicaFetchResponse,
  encodeReplicaFetchRequest,
} from './replica-fetch-codec.js';
import type { ReplicaFetchPosition, ReplicaFetchRequest } from './replica-protocol.js';
import { ReplicaCluster, type ReplicaClusterSettings, TOPIC } from './testing/replica-cluster.js';

const TWO_PARTITIONS = [
  [0, 1],
  [0, 1],
];

describe('a fetch of a follower', () => {
  it('is answered as soon as records are written, before its leader has them on disk', async () => {
    const cluster = await started([[0, 1]]);
    let endAtSync = -1;
    cluster.onSynced = (id) => {
      if (id === 1 && endAtSync < 0) endAtSync = cluster.partition(0).log.offsets.syncedEnd;
    };
    cluster.disk(0).failNext('datasync', 'EIO', { path: '.log' });
    await cluster.append(0, 'a').catch(() => undefined);
    await cluster.settle();
    expect(cluster.partition(1).log.offsets.syncedEnd).toBe(1);
    expect(endAtSync).toBe(0);
  });

  it('tells a risen high watermark without records', async () => {
    const cluster = await started([[0, 1]]);
    await cluster.append(0, 'a');
    await cluster.settle();
    expect(cluster.partition(1).highWatermark).toBe(1);
    expect(cluster.clock.monotonicMs()).toBe(0);
  });

  it('has at most so many bytes, and starves no partition', async () => {
    const cluster = await started(TWO_PARTITIONS, {
      replicaFetchMaxBytes: 2000,
      replicaFetchResponseMaxBytes: 2000,
    });
    const value = 'x'.repeat(900);
    cluster.cut(1, 0);
    for (let i = 0; i < 20; i += 1) await cluster.append(0, value, 0);
    for (let i = 0; i < 20; i += 1) await cluster.append(0, value, 1);
    const answers: number[][] = [];
    cluster.onAnswer = (answer) => {
      if (answer.blobs.length > 0) answers.push(partitionsWithRecords(answer));
      expect(bytesOf(answer)).toBeLessThanOrEqual(2 * 2000);
    };
    cluster.heal();
    await cluster.until(() => ends(cluster).every((end) => end === 20));
    // A partition without records in one answer has some in the next.
    const shared = answers.slice(
      0,
      answers.findLastIndex((partitions) => partitions.includes(0)),
    );
    expect(shared.length).toBeGreaterThan(5);
    for (const [i, partitions] of shared.entries()) {
      expect(new Set([...partitions, ...(shared[i + 1] ?? [0, 1])])).toEqual(new Set([0, 1]));
    }
  });

  it('has its first batch, however large', async () => {
    const cluster = await started([[0, 1]], {
      replicaFetchMaxBytes: 100,
      replicaFetchResponseMaxBytes: 100,
    });
    await cluster.append(0, 'x'.repeat(5000));
    await cluster.until(() => cluster.partition(1).highWatermark === 1);
  });

  it('is answered from the disk of its leader where that has nothing in memory', async () => {
    const cluster = await started(TWO_PARTITIONS, { tailCacheBytes: 0 });
    cluster.cut(1, 0);
    for (let i = 0; i < 10; i += 1) await cluster.append(0, `a${i}`, 0);
    await cluster.append(0, 'b', 1);
    cluster.heal();
    await cluster.until(() => ends(cluster).join() === '10,1');
    expect((await cluster.values(1)).at(-1)).toBe('a9');
  });

  it('stops at damage of its leader, for as long as nobody else leads', async () => {
    const cluster = await started([[0, 1]], { tailCacheBytes: 0 });
    await cluster.change(() => ({ isr: [0] }));
    cluster.cut(1, 0);
    await cluster.append(0, 'a');
    cluster.disk(0).corrupt(`/data/${TOPIC}-0/00000000000000000000.log`, 66);
    cluster.heal();
    await cluster.advance(5000);
    expect(cluster.partition(1).log.offsets.logEnd).toBe(0);
    expect(cluster.fetches).toBeLessThan(40);
  });

  it('goes on in a new session when its answer was lost', async () => {
    const cluster = await started([[0, 1]]);
    cluster.cut(0, 1);
    await cluster.append(0, 'a');
    await cluster.settle();
    expect(cluster.partition(1).log.offsets.logEnd).toBe(0);
    cluster.heal();
    await cluster.until(() => cluster.partition(1).highWatermark === 1);
  });

  it('goes on when its leader has forgotten the session', async () => {
    const cluster = await started([[0, 1]]);
    await cluster.kill(0, { power: false });
    await cluster.startBroker(0);
    await cluster.elect(0);
    await cluster.append(0, 'a');
    await cluster.until(() => cluster.partition(1).highWatermark === 1);
  });

  it('of a process that was replaced is refused', async () => {
    const cluster = await started([[0, 1]]);
    const { brokerEpoch } = cluster.process(1);
    cluster.cut(1, 0);
    await cluster.register(1);
    const before = cluster.partition(0).highWatermark;
    await cluster.append(0, 'a');
    const answer = await cluster.fetch(0, request({ brokerEpoch }));
    expect(answer.body).toMatchObject({ refusal: 'OTHER_BROKER_EPOCH', results: [] });
    expect(cluster.partition(0).highWatermark).toBe(before);
  });

  it('costs nothing to speak of while there is nothing to fetch', async () => {
    const many = Array.from({ length: 50 }, () => [0, 1]);
    const cluster = await started(many);
    await cluster.advance(2000);
    cluster.fetches = 0;
    let positions = 0;
    cluster.onRequest = ({ body }) => {
      positions += (body as { positions: unknown[] }).positions.length;
    };
    await cluster.advance(10_000);
    expect(cluster.fetches).toBeLessThanOrEqual(21);
    expect(positions).toBe(0);
    await cluster.append(0, 'a', 7);
    await cluster.settle();
    expect(positions).toBeLessThanOrEqual(2);
  });

  it('does not wait for a partition that is slow to sync', async () => {
    const cluster = await started(TWO_PARTITIONS);
    const held = cluster.holdSyncs(1, `${TOPIC}-0/00000000000000000000.log`);
    await cluster.append(0, 'slow', 0);
    await cluster.settle();
    expect(held.count).toBe(1);
    for (let i = 0; i < 3; i += 1) {
      await cluster.append(0, `${i}`, 1);
      await cluster.settle();
    }
    expect(cluster.partition(1, 1).highWatermark).toBe(3);
    expect(cluster.partition(0).highWatermark).toBe(0);
    held.release();
    await cluster.until(() => cluster.partition(1).highWatermark === 1);
  });
});

describe('a position of a follower', () => {
  it('counts for the high watermark as far as it is on the disk of the follower', async () => {
    const cluster = await started([[0, 1]]);
    cluster.cut(1, 0);
    await cluster.append(0, 'a');
    await cluster.append(0, 'b');
    const written = { ...positionAt(cluster, 2), syncedEndOffset: 1 };
    await cluster.fetch(0, ofProcess(cluster, { positions: [written] }));
    expect(cluster.partition(0).highWatermark).toBe(1);
  });

  it.each([
    ['FENCED_LEADER_EPOCH', { leaderEpoch: 0 }],
    ['UNKNOWN_LEADER_EPOCH', { leaderEpoch: 2 }],
    ['UNKNOWN_LEADER_EPOCH', { electionId: 'another' }],
    ['UNKNOWN_TOPIC_ID', { topicId: 'another' }],
    ['NOT_LEADER_OR_FOLLOWER', { partition: 7 }],
    ['OFFSET_OUT_OF_RANGE', { fetchOffset: 9, lastFetchedEpoch: null }],
  ])('is answered with %s, and counts for nothing: %o', async (fault, members) => {
    const cluster = await started([[0, 1]]);
    cluster.cut(1, 0);
    await cluster.elect(0);
    await cluster.append(0, 'a');
    const position = { ...positionAt(cluster, 1), ...members };
    const answer = await cluster.fetch(0, ofProcess(cluster, { positions: [position] }));
    expect(resultsOf(answer)).toMatchObject([{ fault }]);
    expect(cluster.partition(0).highWatermark).toBe(0);
  });

  it('is answered with the end of the common epoch, and commits nothing', async () => {
    const cluster = await started([[0, 1]]);
    cluster.cut(1, 0);
    await cluster.append(0, 'a');
    await cluster.elect(0);
    await cluster.append(0, 'b');
    const { electionId } = cluster.metadata;
    const ofEarlier = { ...positionAt(cluster, 2), lastFetchedEpoch: 0 };
    const answer = await cluster.fetch(0, ofProcess(cluster, { positions: [ofEarlier] }));
    expect(resultsOf(answer)).toMatchObject([{ diverging: { epoch: 0, endOffset: 1 } }]);
    const ofOther = { ...positionAt(cluster, 2), lastElectionId: `not ${electionId}` };
    const second = { sequence: 2, positions: [ofOther] };
    const other = await cluster.fetch(0, ofProcess(cluster, second));
    expect(resultsOf(other)).toMatchObject([{ diverging: { epoch: 0, endOffset: 1 } }]);
    expect(cluster.partition(0).highWatermark).toBe(0);
  });

  it('of a broker that keeps no replica is refused', async () => {
    const cluster = await ReplicaCluster.start(3);
    await cluster.createTopic([[0, 1]]);
    const { brokerEpoch } = cluster.process(2);
    const position = positionAt(cluster, 0);
    const answer = await cluster.fetch(
      0,
      request({ replicaId: 2, brokerEpoch, positions: [position] }),
    );
    expect(resultsOf(answer)).toMatchObject([{ fault: 'NOT_LEADER_OR_FOLLOWER' }]);
  });
});

describe('requests of one session that overtake each other', () => {
  it('leave the position that was told last', async () => {
    const cluster = await started([[0, 1]]);
    cluster.cut(1, 0);
    const { partition } = positionAt(cluster, 0);
    await cluster.append(0, 'a');
    await cluster.append(0, 'b');
    const call = (sequence: number, fetchOffset: number): Promise<PeerMessage> =>
      cluster.fetch(
        0,
        ofProcess(cluster, { sequence, positions: [positionAt(cluster, fetchOffset)] }),
      );
    expect(partition).toBe(0);
    await call(1, 0);
    const [later, earlier] = await Promise.all([call(3, 1), call(2, 0)]);
    expect(resultsOf(later)).toMatchObject([{ sequence: 3, records: { blobCount: 1 } }]);
    expect(resultsOf(earlier)).toEqual([]);
  });
});

describe('messages of other brokers', () => {
  const good = request({ positions: [somePosition()] });

  it('are what was sent', () => {
    expect(decodeReplicaFetchRequest(encodeReplicaFetchRequest(good))).toEqual(good);
  });

  it.each([
    ['an unknown fault', { fault: 'NOBODY_KNOWS' }],
    ['blobs that are not there', { records: { firstBlob: 0, blobCount: 2, elections: [] } }],
  ])('are refused that answer %s', (_what, members) => {
    const result = { topic: 'a', partition: 0, sequence: 1, highWatermark: 0, logStartOffset: 0 };
    const body = { results: [{ ...result, ...members }] };
    expect(() => decodeReplicaFetchResponse({ body, blobs: [Buffer.alloc(1)] })).toThrow(
      'malformed',
    );
  });
});

async function started(
  replicas: readonly (readonly number[])[],
  settings: ReplicaClusterSettings = {},
): Promise<ReplicaCluster> {
  const cluster = await ReplicaCluster.start(2, settings);
  await cluster.createTopic(replicas, { 'min.insync.replicas': '1' });
  return cluster;
}

function ends(cluster: ReplicaCluster): number[] {
  return [0, 1].map((partition) => cluster.partition(1, partition).log.offsets.logEnd);
}

function bytesOf({ blobs }: PeerMessage): number {
  return blobs.reduce((sum, blob) => sum + blob.length, 0);
}

function resultsOf({ body }: PeerMessage): { partition: number; records?: unknown }[] {
  return (body as { results: { partition: number; records?: unknown }[] }).results;
}

function partitionsWithRecords(answer: PeerMessage): number[] {
  return resultsOf(answer)
    .filter(({ records }) => records !== undefined)
    .map(({ partition }) => partition);
}

function request(members: Partial<ReplicaFetchRequest>): ReplicaFetchRequest {
  return {
    replicaId: 1,
    brokerEpoch: 0,
    journaledVersion: 0,
    sessionId: 'session',
    sequence: 1,
    maxWaitMs: 0,
    maxBytes: 1000,
    positions: [],
    forgotten: [],
    ...members,
  };
}

/** A position sent by the process of broker 1. */
function ofProcess(
  cluster: ReplicaCluster,
  members: Partial<ReplicaFetchRequest>,
): ReplicaFetchRequest {
  return request({ brokerEpoch: cluster.process(1).brokerEpoch, ...members });
}

function somePosition(): ReplicaFetchPosition {
  return {
    topic: TOPIC,
    topicId: 'id',
    partition: 0,
    leaderEpoch: 0,
    electionId: 'election',
    fetchOffset: 0,
    lastFetchedEpoch: null,
    lastElectionId: null,
    syncedEndOffset: 0,
    highWatermark: 0,
    logStartOffset: 0,
    maxBytes: 1000,
  };
}

function positionAt(cluster: ReplicaCluster, fetchOffset: number): ReplicaFetchPosition {
  const { topicId, metadata } = cluster.partition(0);
  const { leaderEpoch, electionId } = metadata;
  const lastFetchedEpoch = fetchOffset === 0 ? null : leaderEpoch;
  const known = { topicId, leaderEpoch, electionId, fetchOffset, lastFetchedEpoch };
  return { ...somePosition(), ...known, syncedEndOffset: fetchOffset, maxBytes: 1 };
}
