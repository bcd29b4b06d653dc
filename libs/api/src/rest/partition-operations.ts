import {
  AcceptedDataLossDto,
  ListedOffsetDto,
  LogStartOffsetDto,
  PartitionDto,
  PartitionReplicasDto,
} from './answers.dto.js';
import { ElectLeaderDto } from './elect-leader.dto.js';
import type { OperationSpecs } from './operation.js';
import { AcceptDataLossQuery, DeleteRecordsQuery, ListOffsetQuery } from './queries.dto.js';
import { ReassignReplicasDto } from './reassign-replicas.dto.js';

/** Operations on one partition, except for its records, which record-operations.ts describes. */
export const PARTITION_OPERATIONS = {
  deleteRecords: {
    method: 'DELETE',
    path: '/v1/topics/{topic}/partitions/{partition}/records',
    plane: 'control',
    tag: 'records',
    summary: 'Delete records below an offset',
    needs: [{ resource: 'topic', operation: 'Delete' }],
    query: DeleteRecordsQuery,
    answers: { 200: { description: 'Deleted.', body: LogStartOffsetDto } },
    errors: [
      'INVALID_REQUEST',
      'TOPIC_AUTHORIZATION_FAILED',
      'UNKNOWN_TOPIC_OR_PARTITION',
      'OFFSET_OUT_OF_RANGE',
      'UNKNOWN_SERVER_ERROR',
      'BROKER_NOT_AVAILABLE',
      'KAFKA_STORAGE_ERROR',
    ],
  },
  acceptDataLoss: {
    method: 'DELETE',
    path: '/v1/topics/{topic}/partitions/{partition}/lost-records',
    plane: 'control',
    tag: 'records',
    summary: 'Accept the loss of synced records that are missing at the start or the end of a log',
    description:
      'If a disk lost synced records, `/health/ready` names their offsets under `storage.lost`. ' +
      'While they are missing at the end of a log its partition accepts no writes. Restore its directory ' +
      'from a backup, or accept the loss of these records, which is permanent. Offsets at the end stay ' +
      'empty and are never reused, and the partition accepts writes again; after a loss at ' +
      'the start the log begins after it. Both bounds must match exactly. Repeating the call ' +
      'has no effect.',
    needs: [{ resource: 'cluster', operation: 'Alter' }],
    query: AcceptDataLossQuery,
    answers: {
      200: { description: 'The loss is accepted, now or earlier.', body: AcceptedDataLossDto },
    },
    errors: [
      'INVALID_REQUEST',
      'UNKNOWN_TOPIC_OR_PARTITION',
      'OFFSET_OUT_OF_RANGE',
      'POLICY_VIOLATION',
      'UNKNOWN_SERVER_ERROR',
      'BROKER_NOT_AVAILABLE',
      'KAFKA_STORAGE_ERROR',
    ],
  },
  electLeader: {
    method: 'POST',
    path: '/v1/topics/{topic}/partitions/{partition}/leader-election',
    plane: 'control',
    tag: 'records',
    summary: 'Choose the leader of a partition',
    description:
      '`preferred` returns the leadership to the first of the replicas; the cluster also does this ' +
      'periodically. `unclean` is for a partition without a leader whose replicas in ' +
      'sync are lost: a replica that lacks records becomes leader, alone in the ISR, and the records it lacks are ' +
      'lost permanently.',
    needs: [{ resource: 'cluster', operation: 'Alter' }],
    body: ElectLeaderDto,
    isBodyOptional: true,
    answers: { 200: { description: 'The partition as it is now.', body: PartitionDto } },
    errors: [
      'INVALID_REQUEST',
      'TOPIC_AUTHORIZATION_FAILED',
      'UNKNOWN_TOPIC_OR_PARTITION',
      'UNKNOWN_SERVER_ERROR',
      'LEADER_NOT_AVAILABLE',
      'BROKER_NOT_AVAILABLE',
      'KAFKA_STORAGE_ERROR',
    ],
  },
  describeReplicas: {
    method: 'GET',
    path: '/v1/topics/{topic}/partitions/{partition}/replicas',
    plane: 'control',
    tag: 'records',
    summary: 'Show the replicas of a partition and their progress',
    needs: [{ resource: 'topic', operation: 'Describe' }],
    answers: { 200: { description: 'The replicas.', body: PartitionReplicasDto } },
    errors: [
      'INVALID_REQUEST',
      'UNKNOWN_TOPIC_OR_PARTITION',
      'UNKNOWN_SERVER_ERROR',
      'BROKER_NOT_AVAILABLE',
    ],
  },
  reassignReplicas: {
    method: 'PUT',
    path: '/v1/topics/{topic}/partitions/{partition}/replicas',
    plane: 'control',
    tag: 'records',
    summary: 'Move a partition to other brokers',
    description:
      'Records are copied to the brokers that do not have the partition yet, while clients continue to read and ' +
      'write; once all named brokers are in sync, the others remove it. The ' +
      'answer means that the move has begun and continues after failures; `GET` of the same path shows ' +
      'its progress. Naming other brokers replaces the move; naming the original ones reverts it.',
    needs: [{ resource: 'cluster', operation: 'Alter' }],
    body: ReassignReplicasDto,
    answers: { 200: { description: 'The partition as it is now.', body: PartitionDto } },
    errors: [
      'INVALID_REQUEST',
      'INVALID_REPLICATION_FACTOR',
      'TOPIC_AUTHORIZATION_FAILED',
      'UNKNOWN_TOPIC_OR_PARTITION',
      'REQUEST_TOO_LARGE',
      'UNSUPPORTED_MEDIA_TYPE',
      'UNKNOWN_SERVER_ERROR',
      'BROKER_NOT_AVAILABLE',
      'KAFKA_STORAGE_ERROR',
    ],
  },
  listOffset: {
    method: 'GET',
    path: '/v1/topics/{topic}/partitions/{partition}/offsets',
    plane: 'control',
    tag: 'records',
    summary: 'Find an offset by time',
    needs: [{ resource: 'topic', operation: 'Describe' }],
    query: ListOffsetQuery,
    answers: { 200: { description: 'The offset.', body: ListedOffsetDto } },
    errors: [
      'INVALID_REQUEST',
      'UNKNOWN_TOPIC_OR_PARTITION',
      'CORRUPT_MESSAGE',
      'UNKNOWN_SERVER_ERROR',
      'BROKER_NOT_AVAILABLE',
      'KAFKA_STORAGE_ERROR',
    ],
  },
} as const satisfies OperationSpecs;
