import { expect, it } from 'vitest';
import { DistantCoordinators } from '../testing/distant-coordinators.js';
import type { QueueAck } from './groups.js';
import { acknowledge } from './queue-acks.js';

const ACK = { topic: 'jobs', partition: 0, offset: 3, type: 'ack' } as const;

it('acks of partitions that do not exist are refused each by itself', async () => {
  const sent: unknown[] = [];
  const { calls, topics } = new DistantCoordinators({
    leaders: [2],
    partitionCounts: { jobs: 1 },
    answer: (_, __, body) => {
      sent.push(body);
      return Promise.resolve({ answer: ['done'] });
    },
  });
  const acks: QueueAck[] = [{ ...ACK, partition: 1 }, ACK, { ...ACK, topic: 'gone' }];
  const results = await acknowledge({ group: 'g', memberId: 'm', acks }, calls, topics);
  expect(results).toMatchObject([
    { error: { code: 'UNKNOWN_TOPIC_OR_PARTITION', message: 'There is no partition jobs-1.' } },
    { topic: 'jobs', partition: 0, offset: 3, error: undefined },
    { error: { code: 'UNKNOWN_TOPIC_OR_PARTITION', message: 'There is no partition gone-0.' } },
  ]);
  expect(sent).toMatchObject([{ acks: [{ topicId: 'jobs-id', partition: 0, offset: 3 }] }]);
});
