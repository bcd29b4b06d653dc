import { type AckResult, assertGroupName, type PartitionAck, type TopicDirectory } from '#groups';
import { FaultList, ProtocolError, topicPartitionName } from '#protocol';
import type { CoordinatorCalls } from '../cluster/coordinator-calls.js';
import type { QueueAck, QueueAckResult } from './groups.js';

/** Longest delay of a nack, ms: twelve hours, during which the record takes a lock. */
const DELAY_MS_MAX = 43_200_000;
/** Characters of a reason that a dead letter carries. */
const REASON_LENGTH_MAX = 256;

/** Sends acks to the coordinator. One that names no record of a topic is answered with an error. */
export async function acknowledge(
  {
    group,
    memberId,
    acks,
  }: {
    readonly group: string;
    readonly memberId: string;
    readonly acks: readonly QueueAck[];
  },
  calls: CoordinatorCalls,
  topics: TopicDirectory,
): Promise<QueueAckResult[]> {
  assertGroupName(group);
  assertAcks(acks);
  const known: PartitionAck[] = [];
  const places = acks.map((ack): number => {
    const topic = topics.topic(ack.topic);
    if (topic === undefined || ack.partition >= topic.partitionCount) return -1;
    return known.push({ ...ack, topicId: topic.id }) - 1;
  });
  const results = await calls.call('acknowledge', { group, memberId, acks: known });
  return acks.map(({ topic, partition, offset }, at) => {
    const place = places[at] ?? -1;
    const target = { topic, partition };
    const error =
      place < 0
        ? noSuchPartition(target)
        : ackError(results[place] ?? 'notAcquired', `${topicPartitionName(target)}, ${offset}`);
    return { ...target, offset, error };
  });
}

/** @throws ProtocolError INVALID_REQUEST with all faults */
function assertAcks(acks: readonly QueueAck[]): void {
  const faults = new FaultList();
  for (const [at, { type, delayMs = 0, reason = '' }] of acks.entries()) {
    if (delayMs > DELAY_MS_MAX) {
      faults.add(`/acks/${at}/delayMs`, `a record is delayed by at most ${DELAY_MS_MAX} ms`);
    }
    if (delayMs > 0 && type !== 'nack') {
      faults.add(`/acks/${at}/delayMs`, 'only a nack has "delayMs"');
    }
    if (reason.length > REASON_LENGTH_MAX) {
      faults.add(`/acks/${at}/reason`, `a reason has at most ${REASON_LENGTH_MAX} characters`);
    }
  }
  if (faults.count === 0) return;
  throw new ProtocolError('INVALID_REQUEST', `${faults.sentence}.`, faults.asOptions);
}

/** The error for a record that needs no further acknowledgement. */
export function finishedError(record: string): ProtocolError {
  return new ProtocolError(
    'INVALID_RECORD_STATE',
    `The group is done with this record already (${record}).`,
    { outcome: 'applied' },
  );
}

function ackError(result: AckResult, record: string): ProtocolError | undefined {
  switch (result) {
    case 'done':
      return undefined;
    case 'finished':
      return finishedError(record);
    case 'notAcquired':
      return new ProtocolError(
        'INVALID_RECORD_STATE',
        `The record is not with this member: its lock is over, or another member has it (${record}).`,
      );
    case 'staleDelivery':
      return new ProtocolError(
        'INVALID_RECORD_STATE',
        `The ack is of an earlier delivery of the record (${record}).`,
      );
    default:
      return result satisfies never;
  }
}

function noSuchPartition(target: {
  readonly topic: string;
  readonly partition: number;
}): ProtocolError {
  return new ProtocolError(
    'UNKNOWN_TOPIC_OR_PARTITION',
    `There is no partition ${topicPartitionName(target)}.`,
  );
}
