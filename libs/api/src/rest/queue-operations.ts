/** Operations on queue groups, for operators. */
import type { ErrorCode } from '#protocol';
import { BODY_ERRORS, COORDINATOR_ERRORS } from './member-operations.js';
import type { OperationSpecs } from './operation.js';
import {
  DeadLettersDto,
  InFlightQuery,
  InFlightRecordsDto,
  PurgedDto,
  PurgeQueueDto,
  RedriveDto,
  RedrivenDto,
} from './queues.dto.js';

const QUEUE_ERRORS = [
  ...COORDINATOR_ERRORS,
  'GROUP_ID_NOT_FOUND',
  'INCONSISTENT_GROUP_PROTOCOL',
] as const satisfies readonly ErrorCode[];

const READ = [
  { resource: 'group', operation: 'Read' },
  { resource: 'topic', operation: 'Read' },
] as const;

export const QUEUE_OPERATIONS = {
  inFlightRecords: {
    method: 'GET',
    path: '/v1/groups/{group}/queue/records',
    plane: 'control',
    tag: 'groups',
    summary: 'Show the records of a queue that are in flight',
    description:
      'Those that the group has scanned and not finished, by topic, partition and offset. Delayed records are among them only in ' +
      'a group that is ordered by key, and after a nack with a delay; the description of the group counts all of them.',
    needs: [
      { resource: 'group', operation: 'Describe' },
      { resource: 'topic', operation: 'Describe', named: 'answer' },
    ],
    query: InFlightQuery,
    answers: { 200: { description: 'The records, possibly none.', body: InFlightRecordsDto } },
    errors: QUEUE_ERRORS,
  },
  purgeQueue: {
    method: 'POST',
    path: '/v1/groups/{group}/queue/purge',
    plane: 'control',
    tag: 'groups',
    summary: 'Finish all waiting records of a queue',
    description:
      'The records of the topic stay in its log, and the group never gets them, delayed ones neither. Records that members have stay theirs.',
    needs: [
      { resource: 'group', operation: 'Read' },
      { resource: 'topic', operation: 'Read', named: 'data' },
    ],
    body: PurgeQueueDto,
    answers: { 200: { description: 'The ends of the partitions.', body: PurgedDto } },
    errors: [...QUEUE_ERRORS, ...BODY_ERRORS, 'UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE'],
  },
  waitingDeadLetters: {
    method: 'GET',
    path: '/v1/groups/{group}/dead-letters',
    plane: 'control',
    tag: 'groups',
    summary: 'Show which dead letters of a queue wait',
    description:
      'Offsets in each partition of the present dead-letter topic of the group, none before there is one. Records at these offsets whose ' +
      'header `__dlq.errors.group` names the group are dead letters that were not put back.',
    needs: [
      { resource: 'group', operation: 'Describe' },
      { resource: 'topic', operation: 'Describe', named: 'answer' },
    ],
    answers: { 200: { description: 'The offsets, by partition.', body: DeadLettersDto } },
    errors: QUEUE_ERRORS,
  },
  redriveDeadLetters: {
    method: 'POST',
    path: '/v1/groups/{group}/dead-letters/redrive',
    plane: 'control',
    tag: 'groups',
    summary: 'Put dead letters of a queue back',
    description:
      'Their records are written at the end of the partitions that they come from, with the header `sluice.redrive.group`: other queue ' +
      'groups skip them, streams read them. Then the dead letters are archived: they stay in their topic, and are not put back ' +
      'again. A call that was interrupted is repeated: what it has written is recognised.',
    needs: [
      { resource: 'group', operation: 'Read' },
      { resource: 'topic', operation: 'Write', named: 'data' },
    ],
    body: RedriveDto,
    isBodyOptional: true,
    answers: { 200: { description: 'Their numbers.', body: RedrivenDto } },
    errors: [
      ...QUEUE_ERRORS,
      ...BODY_ERRORS,
      'UNKNOWN_TOPIC_OR_PARTITION',
      'LEADER_NOT_AVAILABLE',
      'POLICY_VIOLATION',
      'BROKER_NOT_AVAILABLE',
      'CORRUPT_MESSAGE',
      'THROTTLING_QUOTA_EXCEEDED',
    ],
  },
  cancelRecord: {
    method: 'DELETE',
    path: '/v1/groups/{group}/queue/records/{topic}/{partition}/{offset}',
    plane: 'control',
    tag: 'groups',
    summary: 'Cancel a record of a queue',
    description: 'The record waits, delayed or not, and the group never gets it.',
    needs: READ,
    answers: { 204: { description: 'It is never delivered.' } },
    errors: [
      ...QUEUE_ERRORS,
      'UNKNOWN_TOPIC_OR_PARTITION',
      'OFFSET_OUT_OF_RANGE',
      'INVALID_RECORD_STATE',
      'POLICY_VIOLATION',
      'LEADER_NOT_AVAILABLE',
      'BROKER_NOT_AVAILABLE',
      'CORRUPT_MESSAGE',
      'THROTTLING_QUOTA_EXCEEDED',
    ],
  },
} as const satisfies OperationSpecs;
