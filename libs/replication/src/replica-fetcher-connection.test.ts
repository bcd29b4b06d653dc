import { describe, expect, it } from 'vitest';
import { type Random, silentLogger } from '#runtime';
import { SeededRandom } from '#runtime/testing';
import type { PeerMessage, Peers } from './peers.js';
import { ReassignmentThrottle } from './reassignment-throttle.js';
import { ReplicaFetcherConnection } from './replica-fetcher-connection.js';
import type {
  ReplicaFetchPosition,
  ReplicaFetchRequest,
  ReplicaFetchResult,
} from './replica-protocol.js';
import { oneBatch, stamped } from './testing/batches.js';
import { ReplicaCluster, TOPIC } from './testing/replica-cluster.js';

/** A request that the connection sent to its leader. */
interface SentRequest {
  readonly request: ReplicaFetchRequest;
  readonly positions: readonly ReplicaFetchPosition[];
  answer(results: readonly Partial<ReplicaFetchResult>[], blobs?: readonly Buffer[]): void;
  fail(error: Error): void;
}

/** Returns the largest possible number, and so the longest delays. */
const LARGEST: Random = { below: (bound) => bound - 1, uuid: () => 'session' };

describe('a connection to a leader', () => {
  it('ignores an answer to a position that was sent again since', async () => {
    const { cluster, connection, sent, partition } = await connected();
    const [first] = sent;
    await sendAgain(cluster, connection);
    const [, second] = sent;
    second?.answer([records(0)], [stamped(oneBatch('a'), 0, 0)]);
    await cluster.settle();
    expect(partition.log.offsets.syncedEnd).toBe(1);
    // The leader answered the first position with a divergence before it got the second one.
    first?.answer([{ diverging: { epoch: -1, electionId: null, endOffset: 0 } }]);
    await cluster.settle();
    expect(partition.log.offsets.logEnd).toBe(1);
  });

  it('ignores an answer that arrives in a session after its end', async () => {
    const { cluster, connection, sent, partition } = await connected();
    const [first] = sent;
    await sendAgain(cluster, connection);
    sent[1]?.fail(new Error('lost'));
    await cluster.advance(50);
    const third = sent[2];
    expect(third?.request).toMatchObject({ sequence: 1 });
    expect(third?.request.sessionId).not.toBe(first?.request.sessionId);
    expect(third?.positions).toHaveLength(1);
    first?.answer([records(0)], [stamped(oneBatch('of the old session'), 0, 0)]);
    await cluster.settle();
    expect(partition.log.offsets.logEnd).toBe(0);
    third?.answer([records(0)], [stamped(oneBatch('a'), 0, 0)]);
    await cluster.settle();
    expect(partition.log.offsets.logEnd).toBe(1);
  });

  it('restarts a log only while its replica is out of sync', async () => {
    const { cluster, sent, partition } = await connected();
    sent[0]?.answer([records(0)], [stamped(oneBatch('a'), 0, 0)]);
    await cluster.settle();
    const latest = sent.findLast(({ positions }) => positions.length > 0);
    expect(latest?.positions[0]).toMatchObject({ fetchOffset: 1, syncedEndOffset: 1 });
    latest?.answer([{ fault: 'OFFSET_OUT_OF_RANGE', logStartOffset: 500 }]);
    await cluster.settle();
    expect(partition.log.offsets.logEnd).toBe(1);
    await cluster.change(() => ({ isr: [0] }));
    await cluster.advance(2000);
    sent
      .findLast(({ positions }) => positions.length > 0)
      ?.answer([{ fault: 'OFFSET_OUT_OF_RANGE', logStartOffset: 500 }]);
    await cluster.settle();
    expect(partition.log.offsets.logStart).toBe(500);
  });

  it('repeats its position while it is out of sync, and sends it once when in sync', async () => {
    const { cluster, connection, sent, partition } = await connected();
    const countPositions = (): number =>
      sent.filter(({ positions }) => positions.length > 0).length;
    const answerAll = (): void => {
      for (const one of sent) one.answer([]);
    };
    const become = async (isr: readonly number[]): Promise<void> => {
      await cluster.change(() => ({ isr }));
      connection.follow(partition);
      await cluster.settle();
    };
    await become([0]);
    for (let more = 0; more < 3; more += 1) {
      const countBefore = countPositions();
      await cluster.until(() => {
        answerAll();
        return countPositions() > countBefore;
      });
    }
    await become([0, 1]);
    answerAll();
    await cluster.advance(100);
    const countBefore = countPositions();
    for (let seconds = 0; seconds < 5; seconds += 1) {
      answerAll();
      await cluster.advance(1000);
    }
    expect(countPositions()).toBe(countBefore);
  });

  it('raises the high watermark after its own log is synced', async () => {
    const { cluster, sent, partition } = await connected();
    const held = cluster.holdSyncs(1, `${TOPIC}-0/00000000000000000000.log`);
    sent[0]?.answer([{ ...records(0), highWatermark: 1 }], [stamped(oneBatch('a'), 0, 0)]);
    await cluster.settle();
    expect([partition.log.offsets.logEnd, partition.highWatermark]).toEqual([1, 0]);
    held.release();
    await cluster.settle();
    expect(partition.highWatermark).toBe(1);
  });

  it('fetches again after a fault, with longer delays each time', async () => {
    const { cluster, sent } = await connected(LARGEST);
    const timesMs: number[] = [];
    for (let i = 0; i < 5; i += 1) {
      const latest = sent.findLast(({ positions }) => positions.length > 0);
      timesMs.push(cluster.clock.monotonicMs());
      const before = sent.length;
      latest?.answer([{ fault: 'NOT_LEADER_OR_FOLLOWER' }]);
      await cluster.until(() => sent.slice(before).some(({ positions }) => positions.length > 0));
    }
    const gapsMs = timesMs.slice(1).map((ms, i) => ms - (timesMs[i] ?? 0));
    expect(gapsMs).toEqual(gapsMs.toSorted((a, b) => a - b));
    expect(gapsMs.at(-1)).toBeGreaterThan(gapsMs[0] ?? 0);
  });
});

/** Broker 1's replica of a partition, on a connection whose leader is the test. */
async function connected(random: Random = new SeededRandom(7)) {
  const cluster = await ReplicaCluster.start(2);
  cluster.cut(1, 0);
  await cluster.createTopic([[0, 1]]);
  const partition = cluster.partition(1);
  const sent: SentRequest[] = [];
  const peers: Peers = {
    call: (_to, _method, { body }) => {
      const request = body as ReplicaFetchRequest;
      const { positions, sequence } = request;
      return new Promise<PeerMessage>((resolve, reject) => {
        sent.push({
          request,
          positions,
          answer: (results, blobs = []) => {
            const ends = { topic: TOPIC, partition: 0, highWatermark: 0, logStartOffset: 0 };
            const all = results.map((result) => ({ ...ends, sequence, ...result }));
            resolve({ body: { results: all }, blobs });
          },
          fail: reject,
        });
      });
    },
  };
  const connection = new ReplicaFetcherConnection(0, {
    brokerId: 1,
    brokerEpoch: () => cluster.process(1).brokerEpoch,
    peers,
    scheduler: cluster.scheduler,
    random,
    logger: silentLogger,
    journaledVersion: () => 0,
    cutDamage: () => Promise.resolve(),
    replicaFetchWaitMaxMs: 500,
    replicaFetchMaxBytes: 1000,
    replicaFetchResponseMaxBytes: 1000,
    reassignmentThrottle: new ReassignmentThrottle(0, cluster.clock),
  });
  connection.follow(partition);
  await cluster.settle();
  return { cluster, connection, sent, partition };
}

/** Changes the ISR, so that the connection sends its position again. */
async function sendAgain(
  cluster: ReplicaCluster,
  connection: ReplicaFetcherConnection,
): Promise<void> {
  await cluster.change(() => ({ isr: [0, 1] }));
  connection.follow(cluster.partition(1));
  await cluster.settle();
}

function records(firstBlob: number): Partial<ReplicaFetchResult> {
  return { records: { firstBlob, blobCount: 1, compactedEndOffset: 0, elections: [] } };
}
