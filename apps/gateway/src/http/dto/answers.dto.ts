/** Schemas of answers, for the OpenAPI document; the handlers answer the broker's own types. */
import { ApiProperty, ApiPropertyOptional, ApiSchema } from '@nestjs/swagger';
import { ref } from '../openapi/openapi-types.js';
import { OffsetToCommitDto } from './commit-offsets.dto.js';
import {
  BROKER_ID,
  NULLABLE_LEADER_EPOCH,
  NULLABLE_OFFSET,
  OFFSET,
  PARTITION,
  PRODUCER_EPOCH,
  TIMESTAMP,
} from './schemas.js';

const brokerIds = { type: 'array', items: BROKER_ID } as const;
const leader = { ...BROKER_ID, nullable: true, description: 'Broker id of the leader.' } as const;

@ApiSchema({ name: 'Partition' })
export class PartitionDto {
  @ApiProperty(PARTITION)
  readonly partition!: number;

  @ApiProperty(leader)
  readonly leader!: number | null;

  @ApiProperty(NULLABLE_LEADER_EPOCH)
  readonly leaderEpoch!: number | null;

  @ApiProperty({ ...brokerIds, description: 'Brokers that hold the partition.' })
  readonly replicas!: number[];

  @ApiProperty({ ...brokerIds, description: 'Replicas in sync.' })
  readonly isr!: number[];

  @ApiProperty({ ...NULLABLE_OFFSET, description: 'First offset that can be read.' })
  readonly logStartOffset!: number | null;

  @ApiProperty({ ...NULLABLE_OFFSET, description: 'First offset that is not committed.' })
  readonly highWatermark!: number | null;

  @ApiProperty({ ...NULLABLE_OFFSET, description: 'Offset of the next record.' })
  readonly logEndOffset!: number | null;

  @ApiProperty({ ...NULLABLE_OFFSET, description: 'Size on disk.' })
  readonly sizeBytes!: number | null;

  @ApiPropertyOptional({
    ...brokerIds,
    description: 'While the partition moves: brokers that will hold it and did not before.',
  })
  readonly addingReplicas?: number[];

  @ApiPropertyOptional({
    ...brokerIds,
    description: 'While the partition moves: brokers that will no longer hold it.',
  })
  readonly removingReplicas?: number[];
}

@ApiSchema({ name: 'ReplicaProgress' })
export class ReplicaProgressDto {
  @ApiProperty(BROKER_ID)
  readonly broker!: number;

  @ApiProperty({ ...NULLABLE_OFFSET, description: 'null: unknown to its leader.' })
  readonly logEndOffset!: number | null;

  @ApiProperty({ ...NULLABLE_OFFSET, description: "Number of records up to the leader's log end." })
  readonly lag!: number | null;
}

@ApiSchema({ name: 'PartitionReplicas' })
export class PartitionReplicasDto {
  @ApiProperty({ type: 'string' })
  readonly topic!: string;

  @ApiProperty(PARTITION)
  readonly partition!: number;

  @ApiProperty(leader)
  readonly leader!: number | null;

  @ApiProperty({ ...brokerIds, description: 'Brokers that hold the partition.' })
  readonly replicas!: number[];

  @ApiProperty({ ...brokerIds, description: 'Replicas in sync.' })
  readonly isr!: number[];

  @ApiProperty({ ...brokerIds, description: 'Brokers that will hold it and did not before.' })
  readonly addingReplicas!: number[];

  @ApiProperty({ ...brokerIds, description: 'Brokers that will no longer hold it.' })
  readonly removingReplicas!: number[];

  @ApiProperty({ type: [ReplicaProgressDto], description: 'Progress of each replica.' })
  readonly progress!: ReplicaProgressDto[];
}

@ApiSchema({ name: 'Topic' })
export class TopicDto {
  @ApiProperty({ type: 'string' })
  readonly name!: string;

  @ApiProperty({
    type: 'boolean',
    description: 'True for topics of the cluster itself; clients cannot produce to them.',
  })
  readonly internal!: boolean;

  @ApiProperty(ref('EffectiveConfigs'))
  readonly configs!: Record<string, string>;

  @ApiProperty(ref('ConfigSources'))
  readonly configSources!: Record<string, string>;

  @ApiProperty({ type: [PartitionDto] })
  readonly partitions!: PartitionDto[];
}

@ApiSchema({ name: 'TopicList' })
export class TopicListDto {
  @ApiProperty({ type: [TopicDto] })
  readonly topics!: TopicDto[];
}

@ApiSchema({ name: 'LogStartOffset' })
export class LogStartOffsetDto {
  @ApiProperty({ ...OFFSET, description: 'First offset that can be read now.' })
  readonly logStartOffset!: number;
}

@ApiSchema({ name: 'AcceptedDataLoss' })
export class AcceptedDataLossDto {
  @ApiProperty({ ...OFFSET, description: 'First offset without a record.' })
  readonly startOffset!: number;

  @ApiProperty({ ...OFFSET, description: 'First offset after the missing records.' })
  readonly endOffset!: number;
}

@ApiSchema({ name: 'ListedOffset' })
export class ListedOffsetDto {
  @ApiProperty({ ...NULLABLE_OFFSET, description: 'null: there is no such record.' })
  readonly offset!: number | null;

  @ApiProperty({
    ...TIMESTAMP,
    nullable: true,
    description: 'Timestamp of the record, if asked by time.',
  })
  readonly timestamp!: number | null;

  @ApiProperty(NULLABLE_LEADER_EPOCH)
  readonly leaderEpoch!: number | null;
}

@ApiSchema({ name: 'Producer' })
export class ProducerDto {
  @ApiProperty(OFFSET)
  readonly producerId!: number;

  @ApiProperty(PRODUCER_EPOCH)
  readonly producerEpoch!: number;
}

@ApiSchema({ name: 'CommittedList' })
export class CommittedListDto {
  @ApiProperty({ type: [OffsetToCommitDto] })
  readonly offsets!: OffsetToCommitDto[];
}

@ApiSchema({ name: 'CommittedOffset' })
export class CommittedOffsetDto {
  @ApiProperty({ type: 'string' })
  readonly topic!: string;

  @ApiProperty(PARTITION)
  readonly partition!: number;

  @ApiProperty({ ...NULLABLE_OFFSET, description: 'The next offset to read; null: not committed.' })
  readonly offset!: number | null;

  @ApiProperty(NULLABLE_OFFSET)
  readonly highWatermark!: number | null;

  @ApiProperty({
    ...NULLABLE_OFFSET,
    description: 'Records from the offset to the high watermark.',
  })
  readonly lag!: number | null;

  @ApiProperty({ type: 'string', nullable: true })
  readonly metadata!: string | null;
}

@ApiSchema({ name: 'CommittedOffsets' })
export class CommittedOffsetsDto {
  @ApiProperty({ type: [CommittedOffsetDto] })
  readonly offsets!: CommittedOffsetDto[];
}

@ApiSchema({ name: 'Broker' })
export class BrokerDto {
  @ApiProperty(BROKER_ID)
  readonly id!: number;

  @ApiProperty({ type: 'string', nullable: true, description: 'URL at which clients reach it.' })
  readonly url!: string | null;

  @ApiProperty({ type: 'string', nullable: true })
  readonly rack!: string | null;

  @ApiProperty({ type: 'boolean' })
  readonly alive!: boolean;
}

@ApiSchema({ name: 'Cluster' })
export class ClusterDto {
  @ApiProperty({ type: 'string' })
  readonly clusterId!: string;

  @ApiProperty({ type: 'string', enum: ['embedded', 'redis'] })
  readonly coordination!: string;

  @ApiProperty({ ...BROKER_ID, nullable: true, description: 'Broker id of the controller.' })
  readonly controller!: number | null;

  @ApiProperty({ type: [BrokerDto] })
  readonly brokers!: BrokerDto[];
}
