/**
 * Answers of the API. The handlers answer the types of the broker's port, which these classes
 * implement, so that both have the same members.
 */

import type {
  Broker,
  BrokerDescription,
  ClusterDescription,
  CommittedOffset,
  ListedOffset,
  OffsetToCommit,
  PartitionDescription,
  PartitionReplicasDescription,
  ProducerIdentity,
  ReplicaProgress,
  TopicDescription,
} from '#broker';
import type { OffsetRange } from '#log';
import type { ListAs, WithNulls } from '../schema/contract-types.js';
import { listOf } from '../schema/dto-schemas.js';
import { nullable, ref } from '../schema/json-schema.js';
import { Member, OptionalMember } from '../schema/members.js';
import {
  BROKER_ID,
  NULLABLE_LEADER_EPOCH,
  NULLABLE_OFFSET,
  OFFSET,
  PARTITION,
  PRODUCER_EPOCH,
  PRODUCER_TOKEN,
  TIMESTAMP,
} from '../schema/values.js';
import { OffsetToCommitDto } from './commit-offsets.dto.js';

const brokerIds = { type: 'array', items: BROKER_ID } as const;
const leader = { ...nullable(BROKER_ID), description: 'Broker id of the leader.' } as const;

export class PartitionDto implements PartitionDescription {
  @Member(PARTITION)
  readonly partition!: number;

  @Member(leader)
  readonly leader!: number | null;

  @Member(NULLABLE_LEADER_EPOCH)
  readonly leaderEpoch!: number | null;

  @Member({ ...brokerIds, description: 'Brokers that hold the partition.' })
  readonly replicas!: readonly number[];

  @Member({ ...brokerIds, description: 'Replicas in sync.' })
  readonly isr!: readonly number[];

  @Member({ ...NULLABLE_OFFSET, description: 'First offset that can be read.' })
  readonly logStartOffset!: number | null;

  @Member({ ...NULLABLE_OFFSET, description: 'First offset that is not committed.' })
  readonly highWatermark!: number | null;

  @Member({ ...NULLABLE_OFFSET, description: 'Offset of the next record.' })
  readonly logEndOffset!: number | null;

  @Member({ ...NULLABLE_OFFSET, description: 'Size on disk.' })
  readonly sizeBytes!: number | null;

  @OptionalMember({
    ...brokerIds,
    description: 'While the partition moves: brokers that will hold it and did not before.',
  })
  readonly addingReplicas?: readonly number[];

  @OptionalMember({
    ...brokerIds,
    description: 'While the partition moves: brokers that will no longer hold it.',
  })
  readonly removingReplicas?: readonly number[];
}

export class ReplicaProgressDto implements ReplicaProgress {
  @Member(BROKER_ID)
  readonly broker!: number;

  @Member({ ...NULLABLE_OFFSET, description: 'null: unknown to its leader.' })
  readonly logEndOffset!: number | null;

  @Member({ ...NULLABLE_OFFSET, description: "Number of records up to the leader's log end." })
  readonly lag!: number | null;
}

export class PartitionReplicasDto implements PartitionReplicasDescription {
  @Member({ type: 'string' })
  readonly topic!: string;

  @Member(PARTITION)
  readonly partition!: number;

  @Member(leader)
  readonly leader!: number | null;

  @Member({ ...brokerIds, description: 'Brokers that hold the partition.' })
  readonly replicas!: readonly number[];

  @Member({ ...brokerIds, description: 'Replicas in sync.' })
  readonly isr!: readonly number[];

  @Member({ ...brokerIds, description: 'Brokers that will hold it and did not before.' })
  readonly addingReplicas!: readonly number[];

  @Member({ ...brokerIds, description: 'Brokers that will no longer hold it.' })
  readonly removingReplicas!: readonly number[];

  @Member(listOf(ReplicaProgressDto, { description: 'Progress of each replica.' }))
  readonly progress!: readonly ReplicaProgressDto[];
}

export class TopicDto implements TopicDescription {
  @Member({ type: 'string' })
  readonly name!: string;

  @Member({
    type: 'string',
    description: 'Id of the topic: one that is deleted and created again has another one.',
  })
  readonly topicId!: string;

  @Member({
    type: 'boolean',
    description: 'True for topics of the cluster itself; clients cannot produce to them.',
  })
  readonly internal!: boolean;

  @Member(ref('EffectiveConfigs'))
  readonly configs!: TopicDescription['configs'];

  @Member(ref('ConfigSources'))
  readonly configSources!: TopicDescription['configSources'];

  @Member(listOf(PartitionDto))
  readonly partitions!: readonly PartitionDto[];

  @OptionalMember({
    type: 'array',
    items: { type: 'string' },
    description:
      'Queue groups of the topic. With `sluice.delete.on.ack` what all of them are done with is deleted.',
  })
  readonly queueGroups?: readonly string[];
}

export class TopicListDto implements ListAs<'topics', TopicDescription> {
  @Member(listOf(TopicDto))
  readonly topics!: readonly TopicDto[];
}

type DeletedRecords = Awaited<ReturnType<Broker['deleteRecords']>>;

export class LogStartOffsetDto implements DeletedRecords {
  @Member({ ...OFFSET, description: 'First offset that can be read now.' })
  readonly logStartOffset!: number;
}

export class AcceptedDataLossDto implements OffsetRange {
  @Member({ ...OFFSET, description: 'First offset without a record.' })
  readonly startOffset!: number;

  @Member({ ...OFFSET, description: 'First offset after the missing records.' })
  readonly endOffset!: number;
}

export class ListedOffsetDto implements ListedOffset {
  @Member({ ...NULLABLE_OFFSET, description: 'null: there is no such record.' })
  readonly offset!: number | null;

  @Member({
    ...nullable(TIMESTAMP),
    description: 'Timestamp of the record, if asked by time.',
  })
  readonly timestamp!: number | null;

  @Member(NULLABLE_LEADER_EPOCH)
  readonly leaderEpoch!: number | null;
}

export class ProducerDto implements ProducerIdentity {
  @Member(OFFSET)
  readonly producerId!: number;

  @Member(PRODUCER_EPOCH)
  readonly producerEpoch!: number;

  @OptionalMember({
    ...PRODUCER_TOKEN,
    description: 'Proof that the id was issued to this caller; absent while authentication is off.',
  })
  readonly producerToken?: string;
}

export class CommittedListDto implements ListAs<'offsets', WithNulls<OffsetToCommit>> {
  @Member(listOf(OffsetToCommitDto))
  readonly offsets!: readonly OffsetToCommitDto[];
}

export class CommittedOffsetDto implements CommittedOffset {
  @Member({ type: 'string' })
  readonly topic!: string;

  @Member(PARTITION)
  readonly partition!: number;

  @Member({ ...NULLABLE_OFFSET, description: 'The next offset to read; null: not committed.' })
  readonly offset!: number | null;

  @Member(NULLABLE_OFFSET)
  readonly highWatermark!: number | null;

  @Member({
    ...NULLABLE_OFFSET,
    description: 'Records from the offset to the high watermark.',
  })
  readonly lag!: number | null;

  @Member({ type: ['string', 'null'] })
  readonly metadata!: string | null;
}

export class CommittedOffsetsDto implements ListAs<'offsets', CommittedOffset> {
  @Member(listOf(CommittedOffsetDto))
  readonly offsets!: readonly CommittedOffsetDto[];
}

export class BrokerDto implements BrokerDescription {
  @Member(BROKER_ID)
  readonly id!: number;

  @Member({ type: ['string', 'null'], description: 'URL at which clients reach it.' })
  readonly url!: string | null;

  @Member({ type: ['string', 'null'] })
  readonly rack!: string | null;

  @Member({ type: 'boolean' })
  readonly alive!: boolean;
}

export class ClusterDto implements ClusterDescription {
  @Member({ type: 'string' })
  readonly clusterId!: string;

  @Member({ type: 'string', enum: ['embedded', 'redis'] })
  readonly coordination!: 'embedded' | 'redis';

  @Member({ ...nullable(BROKER_ID), description: 'Broker id of the controller.' })
  readonly controller!: number | null;

  @Member(listOf(BrokerDto))
  readonly brokers!: readonly BrokerDto[];
}
