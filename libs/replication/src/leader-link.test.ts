import { describe, expect, it } from 'vitest';
import { silentLogger } from '#runtime';
import { LeaderLink } from './leader-link.js';
import type { PeerMessage, Peers } from './peers.js';
import { ReassignmentThrottle } from './reassignment-throttle.js';
import type {
  ReplicaFetchPosition,
  ReplicaFetchRequest,
  ReplicaFetchResult,
} from './replica-protocol.js';
import { oneBatch, stamped } from './testing/batches.js';
import { ReplicaCluster, TOPIC } from './testing/replica-cluster.js';

/** A request of the link that is not answered yet. */
interface Asked {
  readonly request: ReplicaFetchRequest;
  readonly positions: readonly ReplicaFetchPosition[];
  answer(results: readonly Partial<ReplicaFetchResult>[], blobs?: readonly Buffer[]): void;
  fail(error: Error): void;
}

describe('the link to a leader', () => {
  it('takes no notice of an answer to a position that was told anew since', async () => {
    const { cluster, link, asked, partition } = await linked();
    const [first] = asked;
    await tellAnew(cluster, link);
    const [, second] = asked;
    second?.answer([records(0)], [stamped(oneBatch('a'), 0, 0)]);
    await cluster.settle();
    expect(partition.log.syncedEndOffset).toBe(1);
    // The leader looked at the first position, and told where the logs part, before it got the
    // second.
    first?.answer([{ diverging: { epoch: -1, electionId: null, endOffset: 0 } }]);
    await cluster.settle();
    expect(partition.log.logEndOffset).toBe(1);
  });

  it('takes no notice of what is answered in a session that it has given up', async () => {
    const { cluster, link, asked, partition } = await linked();
    const [first] = asked;
    await tellAnew(cluster, link);
    asked[1]?.fail(new Error('lost'));
    await cluster.advance(50);
    const third = asked[2];
    expect(third?.request).toMatchObject({ sequence: 1 });
    expect(third?.request.sessionId).not.toBe(first?.request.sessionId);
    expect(third?.positions).toHaveLength(1);
    first?.answer([records(0)], [stamped(oneBatch('of the old session'), 0, 0)]);
    await cluster.settle();
    expect(partition.log.logEndOffset).toBe(0);
    third?.answer([records(0)], [stamped(oneBatch('a'), 0, 0)]);
    await cluster.settle();
    expect(partition.log.logEndOffset).toBe(1);
  });

  it('deletes no records in sync because a leader says that it has none there', async () => {
    const { cluster, asked, partition } = await linked();
    asked[0]?.answer([records(0)], [stamped(oneBatch('a'), 0, 0)]);
    await cluster.settle();
    const told = asked.findLast(({ positions }) => positions.length > 0);
    expect(told?.positions[0]).toMatchObject({ fetchOffset: 1, syncedEndOffset: 1 });
    told?.answer([{ fault: 'OFFSET_OUT_OF_RANGE', logStartOffset: 500 }]);
    await cluster.settle();
    expect(partition.log.logEndOffset).toBe(1);
    await cluster.change(() => ({ isr: [0] }));
    await cluster.advance(2000);
    asked
      .findLast(({ positions }) => positions.length > 0)
      ?.answer([{ fault: 'OFFSET_OUT_OF_RANGE', logStartOffset: 500 }]);
    await cluster.settle();
    expect(partition.log.logStartOffset).toBe(500);
  });

  it('tells where it stands again and again while it is out of sync, and once in sync', async () => {
    const { cluster, link, asked, partition } = await linked();
    const tells = (): number => asked.filter(({ positions }) => positions.length > 0).length;
    const answerAll = (): void => {
      for (const one of asked) one.answer([]);
    };
    const become = async (isr: readonly number[]): Promise<void> => {
      await cluster.change(() => ({ isr }));
      link.follow(partition);
      await cluster.settle();
    };
    await become([0]);
    for (let more = 0; more < 3; more += 1) {
      const told = tells();
      await cluster.until(() => {
        answerAll();
        return tells() > told;
      });
    }
    await become([0, 1]);
    answerAll();
    await cluster.advance(100);
    const told = tells();
    for (let seconds = 0; seconds < 5; seconds += 1) {
      answerAll();
      await cluster.advance(1000);
    }
    expect(tells()).toBe(told);
  });

  it('shows what is committed when it is on the disk here', async () => {
    const { cluster, asked, partition } = await linked();
    const held = cluster.holdSyncs(1, `${TOPIC}-0/00000000000000000000.log`);
    asked[0]?.answer([{ ...records(0), highWatermark: 1 }], [stamped(oneBatch('a'), 0, 0)]);
    await cluster.settle();
    expect([partition.log.logEndOffset, partition.highWatermark]).toEqual([1, 0]);
    held.release();
    await cluster.settle();
    expect(partition.highWatermark).toBe(1);
  });

  it('asks again after a fault, later each time', async () => {
    const { cluster, asked } = await linked();
    const timesMs: number[] = [];
    for (let i = 0; i < 5; i += 1) {
      const told = asked.findLast(({ positions }) => positions.length > 0);
      timesMs.push(cluster.clock.monotonicMs());
      const before = asked.length;
      told?.answer([{ fault: 'NOT_LEADER_OR_FOLLOWER' }]);
      await cluster.until(() => asked.slice(before).some(({ positions }) => positions.length > 0));
    }
    const gapsMs = timesMs.slice(1).map((ms, i) => ms - (timesMs[i] ?? 0));
    expect(gapsMs).toEqual(gapsMs.toSorted((a, b) => a - b));
    expect(gapsMs.at(-1)).toBeGreaterThan(gapsMs[0] ?? 0);
  });
});

/** Broker 1's replica of a partition, on a link whose leader is the test. */
async function linked() {
  const cluster = await ReplicaCluster.start(2);
  cluster.cut(1, 0);
  await cluster.createTopic([[0, 1]]);
  const partition = cluster.partition(1);
  const asked: Asked[] = [];
  const peers: Peers = {
    call: (_to, _method, { body }) => {
      const request = body as ReplicaFetchRequest;
      const { positions, sequence } = request;
      return new Promise<PeerMessage>((resolve, reject) => {
        asked.push({
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
  const link = new LeaderLink(0, {
    brokerId: 1,
    brokerEpoch: () => cluster.process(1).brokerEpoch,
    peers,
    scheduler: cluster.scheduler,
    random: cluster.random,
    logger: silentLogger,
    journaledVersion: () => 0,
    cutDamage: () => Promise.resolve(),
    replicaFetchWaitMaxMs: 500,
    replicaFetchMaxBytes: 1000,
    replicaFetchResponseMaxBytes: 1000,
    reassignmentThrottle: new ReassignmentThrottle(0, cluster.clock),
  });
  link.follow(partition);
  await cluster.settle();
  return { cluster, link, asked, partition };
}

/** The ISR changes, so that the position is told with the next request. */
async function tellAnew(cluster: ReplicaCluster, link: LeaderLink): Promise<void> {
  await cluster.change(() => ({ isr: [0, 1] }));
  link.follow(cluster.partition(1));
  await cluster.settle();
}

function records(firstBlob: number): Partial<ReplicaFetchResult> {
  return { records: { firstBlob, blobCount: 1, compactedEndOffset: 0, elections: [] } };
}
