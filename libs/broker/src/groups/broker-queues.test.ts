import { describe, expect, it } from 'vitest';
import { DEAD_LETTER_TOPIC_CONFIG } from '#groups';
import type { PeerMethod } from '#replication';
import type { LeaderStatus } from '../leader-status.js';
import { DistantCoordinators } from '../testing/distant-coordinators.js';
import { BrokerQueues } from './broker-queues.js';

const NO_LEADER = { code: 'LEADER_NOT_AVAILABLE', retriable: true };

describe('operations on the queue of a group', () => {
  it('purge nothing while one of the partitions has no leader', async () => {
    const { queues, methods } = queuesOf();
    await expect(queues.purge('g', { topic: 'jobs' })).rejects.toMatchObject({
      ...NO_LEADER,
      message: expect.stringContaining('Nothing was purged: partition 1 of topic "jobs"'),
    });
    expect(methods).not.toContain('queue-purge');
  });

  it('purge a partition up to its high watermark', async () => {
    const { queues, methods } = queuesOf();
    const ends = [{ topic: 'jobs', partition: 0, offset: 5 }];
    expect(await queues.purge('g', { topic: 'jobs', partitions: [0] })).toEqual(ends);
    expect(methods).toContain('queue-purge');
  });

  it('put nothing back while a partition of the dead letters has no leader', async () => {
    const { queues, methods } = queuesOf();
    await expect(queues.redrive('g', {})).rejects.toMatchObject({
      ...NO_LEADER,
      message: expect.stringContaining('Nothing was put back: partition 1 of topic "failed"'),
    });
    expect(methods).not.toContain('queue-redrive');
  });
});

/**
 * The queues of a broker, with two topics of two partitions each, of which only partition 0 has a
 * leader, and the methods that are called at the coordinator.
 */
function queuesOf() {
  const methods: PeerMethod[] = [];
  const { calls, topics } = new DistantCoordinators({
    leaders: [2],
    partitionCounts: { jobs: 2, failed: 2 },
    answer: (_, method) => {
      methods.push(method);
      const configs = [{ name: DEAD_LETTER_TOPIC_CONFIG, value: 'failed' }];
      return Promise.resolve({ answer: method === 'group-configs' ? configs : [] });
    },
  });
  const queues = new BrokerQueues({
    calls,
    topics,
    statusesOf: (targets) => {
      const led = targets.filter(({ partition }) => partition === 0);
      const status = { logStartOffset: 0, highWatermark: 5, logEndOffset: 6, sizeBytes: 100 };
      return Promise.resolve(
        new Map(
          led.map(({ topic, partition }): [string, LeaderStatus] => [
            `${topic}-${partition}`,
            { topic, partition, ...status },
          ]),
        ),
      );
    },
    fetch: () => Promise.reject(new Error('not to be called')),
  });
  return { queues, methods };
}
