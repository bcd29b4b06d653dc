/** Shapes of the health answers, for the OpenAPI document. */

import { listOf, refTo } from '../schema/dto-schemas.js';
import { Member, OptionalMember } from '../schema/members.js';
import { COUNT, OFFSET } from '../schema/values.js';
import type {
  ClockCheck,
  ClusterCheck,
  DescriptorCheck,
  DiskCheck,
  LostRecords,
  ReadinessReport,
  SecurityCheck,
  StorageCheck,
} from './readiness-report.js';

type OfflinePartition = StorageCheck['offline'][number];
type DamagedPartition = StorageCheck['damaged'][number];
type ReadinessChecks = ReadinessReport['checks'];
/** The report as callers without a permission see it, too. */
type ShownReport = Pick<ReadinessReport, 'status'> & Partial<ReadinessReport>;

export class LivenessDto {
  @Member({ type: 'string', enum: ['ok'] })
  readonly status!: 'ok';
}

class OfflinePartitionDto implements OfflinePartition {
  @Member({ type: 'string', description: 'topic-partition' })
  readonly partition!: string;

  @Member({ type: 'string' })
  readonly reason!: string;
}

class DamagedPartitionDto implements DamagedPartition {
  @Member({ type: 'string', description: 'topic-partition' })
  readonly partition!: string;

  @Member({ ...COUNT, description: 'Ranges of offsets that cannot be read.' })
  readonly ranges!: number;
}

class PartitionLostRecordsDto implements LostRecords {
  @Member({ type: 'string', description: 'topic-partition' })
  readonly partition!: string;

  @Member({ ...OFFSET, description: 'The first offset that is missing.' })
  readonly startOffset!: number;

  @Member({ ...OFFSET, description: 'The first offset after the missing records.' })
  readonly endOffset!: number;
}

class StorageCheckDto implements StorageCheck {
  @Member({ type: 'string', enum: ['ok', 'degraded'] })
  readonly status!: 'ok' | 'degraded';

  @Member(COUNT)
  readonly partitions!: number;

  @Member(listOf(OfflinePartitionDto, { description: 'Partitions that cannot be served.' }))
  readonly offline!: readonly OfflinePartitionDto[];

  @Member({
    type: 'array',
    items: { type: 'string' },
    description:
      'Partitions that take no writes: since a sync failed, until a restart, or while records are lost.',
  })
  readonly readOnly!: readonly string[];

  @Member(
    listOf(PartitionLostRecordsDto, {
      description:
        'Synced records that are missing at the start or the end of a log; see the operation acceptDataLoss.',
    }),
  )
  readonly lost!: readonly PartitionLostRecordsDto[];

  @Member(listOf(DamagedPartitionDto))
  readonly damaged!: readonly DamagedPartitionDto[];
}

class DiskCheckDto implements DiskCheck {
  @Member({ type: 'string', enum: ['ok', 'degraded'] })
  readonly status!: 'ok' | 'degraded';

  @Member({
    type: ['string', 'null'],
    description: 'Reason for refusing records; null while none are refused.',
  })
  readonly reason!: string | null;

  @Member({
    ...OFFSET,
    description: 'Bytes reserved for operations that free space; 0 while the reserve is released.',
  })
  readonly reserveBytes!: number;
}

class ClockCheckDto implements ClockCheck {
  @Member({ type: 'string', enum: ['ok', 'degraded'] })
  readonly status!: 'ok' | 'degraded';

  @Member({
    type: ['string', 'null'],
    description: 'Reason for not trusting the clock; null while it is trusted.',
  })
  readonly reason!: string | null;

  @Member({
    ...OFFSET,
    description:
      'Milliseconds by which the clock is ahead of the time used for expiration; 0 while it is trusted.',
  })
  readonly aheadMs!: number;
}

class DescriptorCheckDto implements DescriptorCheck {
  @Member({ type: 'string', enum: ['ok', 'degraded'] })
  readonly status!: 'ok' | 'degraded';

  @Member({
    type: ['string', 'null'],
    description: 'Consequence of nearly used up file descriptors; null while enough are free.',
  })
  readonly reason!: string | null;

  @Member({
    type: ['integer', 'null'],
    description: 'File descriptors in use; null if the system does not say.',
  })
  readonly inUse!: number | null;

  @Member({ type: ['integer', 'null'], description: 'The limit, `ulimit -n`.' })
  readonly limit!: number | null;
}

class ClusterCheckDto implements ClusterCheck {
  @Member({ type: 'string', enum: ['ok', 'degraded'] })
  readonly status!: 'ok' | 'degraded';

  @Member({
    type: 'string',
    enum: ['ok', 'away', 'refusing'],
    description: '`refusing`: Redis answers but accepts no changes.',
  })
  readonly redis!: 'ok' | 'away' | 'refusing';

  @Member({
    type: ['string', 'null'],
    description: 'Reason for which Redis cannot be used, and the consequence; null while it can.',
  })
  readonly reason!: string | null;

  @Member({ ...COUNT, description: 'Members of the cluster.' })
  readonly brokers!: number;

  @Member(COUNT)
  readonly brokersAlive!: number;

  @Member({
    ...COUNT,
    description: 'Partitions led by this broker that have replicas out of sync.',
  })
  readonly underReplicated!: number;

  @Member({ ...COUNT, description: 'Partitions of the cluster without a leader.' })
  readonly withoutLeader!: number;
}

class SecurityCheckDto implements SecurityCheck {
  @Member({ type: 'string', enum: ['ok', 'degraded'] })
  readonly status!: 'ok' | 'degraded';

  @Member({
    type: ['string', 'null'],
    description: 'Consequence while nothing can be changed; null while it can.',
  })
  readonly reason!: string | null;

  @Member({
    type: 'boolean',
    description: 'True while keys, access control rules and quotas can be changed.',
  })
  readonly changeable!: boolean;

  @Member({
    ...COUNT,
    description:
      'Milliseconds since this broker last had contact to Redis or to a majority of the brokers; above SLUICE_AUTH_STALE_MS it accepts no API keys.',
  })
  readonly staleMs!: number;
}

class ChecksDto implements ReadinessChecks {
  @Member(refTo(DiskCheckDto))
  readonly disk!: DiskCheckDto;

  @Member(refTo(StorageCheckDto))
  readonly storage!: StorageCheckDto;

  @Member(refTo(ClockCheckDto))
  readonly clock!: ClockCheckDto;

  @Member(refTo(DescriptorCheckDto))
  readonly descriptors!: DescriptorCheckDto;

  @Member({
    anyOf: [refTo(ClusterCheckDto), { type: 'null' }],
    description: 'null: this broker is the whole cluster.',
  })
  readonly cluster!: ClusterCheckDto | null;

  @Member({
    anyOf: [refTo(SecurityCheckDto), { type: 'null' }],
    description: 'null: authentication is off.',
  })
  readonly security!: SecurityCheckDto | null;
}

export class ReadinessDto implements ShownReport {
  @Member({ type: 'string', enum: ['ok', 'degraded', 'stopping'] })
  readonly status!: 'ok' | 'degraded' | 'stopping';

  @OptionalMember({
    ...refTo(ChecksDto),
    description: 'For callers with Describe on the cluster, and for all without authentication.',
  })
  readonly checks?: ChecksDto;
}
