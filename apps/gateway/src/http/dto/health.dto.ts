/** Shapes of the health answers, for the OpenAPI document. */
import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import { COUNT, OFFSET } from './schemas.js';

@ApiSchema({ name: 'Liveness' })
export class LivenessDto {
  @ApiProperty({ type: 'string', enum: ['ok'] })
  readonly status!: string;
}

@ApiSchema({ name: 'OfflinePartition' })
class OfflinePartitionDto {
  @ApiProperty({ type: 'string', description: 'topic-partition' })
  readonly partition!: string;

  @ApiProperty({ type: 'string' })
  readonly reason!: string;
}

@ApiSchema({ name: 'DamagedPartition' })
class DamagedPartitionDto {
  @ApiProperty({ type: 'string', description: 'topic-partition' })
  readonly partition!: string;

  @ApiProperty({ ...COUNT, description: 'Ranges of offsets that cannot be read.' })
  readonly ranges!: number;
}

@ApiSchema({ name: 'PartitionLostRecords' })
class LostRecordsDto {
  @ApiProperty({ type: 'string', description: 'topic-partition' })
  readonly partition!: string;

  @ApiProperty({ ...OFFSET, description: 'The first offset that is missing.' })
  readonly startOffset!: number;

  @ApiProperty({ ...OFFSET, description: 'The first offset after the missing records.' })
  readonly endOffset!: number;
}

@ApiSchema({ name: 'StorageCheck' })
class StorageCheckDto {
  @ApiProperty({ type: 'string', enum: ['ok', 'degraded'] })
  readonly status!: string;

  @ApiProperty(COUNT)
  readonly partitions!: number;

  @ApiProperty({ type: [OfflinePartitionDto], description: 'Partitions that cannot be served.' })
  readonly offline!: OfflinePartitionDto[];

  @ApiProperty({
    type: 'array',
    items: { type: 'string' },
    description:
      'Partitions that take no writes: since a sync failed, until a restart, or while records are lost.',
  })
  readonly readOnly!: string[];

  @ApiProperty({
    type: [LostRecordsDto],
    description:
      'Synced records that are missing at the start or the end of a log; see the operation acceptDataLoss.',
  })
  readonly lost!: LostRecordsDto[];

  @ApiProperty({ type: [DamagedPartitionDto] })
  readonly damaged!: DamagedPartitionDto[];
}

@ApiSchema({ name: 'DiskCheck' })
class DiskCheckDto {
  @ApiProperty({ type: 'string', enum: ['ok', 'degraded'] })
  readonly status!: string;

  @ApiProperty({
    type: 'string',
    nullable: true,
    description: 'Reason for refusing records; null while none are refused.',
  })
  readonly reason!: string | null;

  @ApiProperty({
    ...OFFSET,
    description: 'Bytes reserved for operations that free space; 0 while the reserve is released.',
  })
  readonly reserveBytes!: number;
}

@ApiSchema({ name: 'ClockCheck' })
class ClockCheckDto {
  @ApiProperty({ type: 'string', enum: ['ok', 'degraded'] })
  readonly status!: string;

  @ApiProperty({
    type: 'string',
    nullable: true,
    description: 'Reason for not trusting the clock; null while it is trusted.',
  })
  readonly reason!: string | null;

  @ApiProperty({
    ...OFFSET,
    description:
      'Milliseconds by which the clock is ahead of the time used for expiration; 0 while it is trusted.',
  })
  readonly aheadMs!: number;
}

@ApiSchema({ name: 'DescriptorCheck' })
class DescriptorCheckDto {
  @ApiProperty({ type: 'string', enum: ['ok', 'degraded'] })
  readonly status!: string;

  @ApiProperty({
    type: 'string',
    nullable: true,
    description: 'Consequence of nearly used up file descriptors; null while enough are free.',
  })
  readonly reason!: string | null;

  @ApiProperty({
    type: 'integer',
    nullable: true,
    description: 'File descriptors in use; null if the system does not say.',
  })
  readonly inUse!: number | null;

  @ApiProperty({ type: 'integer', nullable: true, description: 'The limit, `ulimit -n`.' })
  readonly limit!: number | null;
}

@ApiSchema({ name: 'ClusterCheck' })
class ClusterCheckDto {
  @ApiProperty({ type: 'string', enum: ['ok', 'degraded'] })
  readonly status!: string;

  @ApiProperty({
    type: 'string',
    enum: ['ok', 'away', 'refusing'],
    description: '`refusing`: Redis answers but accepts no changes.',
  })
  readonly redis!: string;

  @ApiProperty({
    type: 'string',
    nullable: true,
    description: 'Reason for which Redis cannot be used, and the consequence; null while it can.',
  })
  readonly reason!: string | null;

  @ApiProperty({ ...COUNT, description: 'Members of the cluster.' })
  readonly brokers!: number;

  @ApiProperty(COUNT)
  readonly brokersAlive!: number;

  @ApiProperty({
    ...COUNT,
    description: 'Partitions led by this broker that have replicas out of sync.',
  })
  readonly underReplicated!: number;

  @ApiProperty({ ...COUNT, description: 'Partitions of the cluster without a leader.' })
  readonly withoutLeader!: number;
}

@ApiSchema({ name: 'Checks' })
class ChecksDto {
  @ApiProperty({ type: DiskCheckDto })
  readonly disk!: DiskCheckDto;

  @ApiProperty({ type: StorageCheckDto })
  readonly storage!: StorageCheckDto;

  @ApiProperty({ type: ClockCheckDto })
  readonly clock!: ClockCheckDto;

  @ApiProperty({ type: DescriptorCheckDto })
  readonly descriptors!: DescriptorCheckDto;

  @ApiProperty({
    type: ClusterCheckDto,
    nullable: true,
    description: 'null: this broker is the whole cluster.',
  })
  readonly cluster!: ClusterCheckDto | null;
}

@ApiSchema({ name: 'Readiness' })
export class ReadinessDto {
  @ApiProperty({ type: 'string', enum: ['ok', 'degraded', 'stopping'] })
  readonly status!: string;

  @ApiProperty({ type: ChecksDto })
  readonly checks!: ChecksDto;
}
