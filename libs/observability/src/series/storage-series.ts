import type { BrokerStatus, PartitionStatus } from '#broker';
import type { StatusSeries } from './status-series.js';

/** Series of the disk and of the logs on it. */
export const STORAGE_SERIES: readonly StatusSeries<BrokerStatus>[] = [
  {
    name: 'sluice_log_read_only_partitions',
    type: 'gauge',
    help: 'Partitions that accept no writes since a sync failed, until a restart.',
    read: ({ partitions }) =>
      partitions.filter((p) => p.offline === undefined && !p.isWritable).length,
  },
  {
    name: 'sluice_log_damaged_ranges',
    type: 'gauge',
    help: 'Ranges of offsets that cannot be read.',
    read: ({ partitions }) => sum(partitions, (p) => p.damagedRanges),
  },
  {
    name: 'sluice_log_lost_records',
    type: 'gauge',
    help: 'Synced offsets that are missing at the start, in the middle or at the end of logs; /health/ready names them.',
    read: ({ partitions }) => sum(partitions, lostRecords),
  },
  {
    name: 'sluice_disk_full',
    type: 'gauge',
    help: '1 while the disk is full: records are refused until there is space.',
    read: ({ disk }) => Number(disk.isDiskFull),
  },
  {
    name: 'sluice_disk_reserve_bytes',
    type: 'gauge',
    help: 'Disk space reserved from records; 0 while the reserve is released.',
    read: ({ disk }) => disk.heldBytes,
  },
  {
    name: 'sluice_log_segments',
    type: 'gauge',
    help: 'Segments of all logs; above SLUICE_SEGMENTS_MAX they become larger than their topics configure.',
    read: ({ segments }) => segments,
  },
  {
    name: 'sluice_log_quarantined_bytes',
    type: 'gauge',
    help: 'Bytes on disk that were cut from logs or quarantined, as *.log.cut-* files and *-stray directories; only an operator removes them.',
    read: ({ quarantinedBytes }) => quarantinedBytes,
  },
  {
    name: 'sluice_clock_ahead_seconds',
    type: 'gauge',
    help: 'Time by which the clock is ahead of the time used for expiration; 0 unless it has jumped.',
    read: ({ clock }) => clock.aheadMs / 1000,
  },
];

function lostRecords({ lostRecords: ranges }: PartitionStatus): number {
  return ranges.reduce((count, { startOffset, endOffset }) => count + endOffset - startOffset, 0);
}

function sum(
  partitions: readonly PartitionStatus[],
  read: (partition: PartitionStatus) => number,
): number {
  return partitions.reduce((total, partition) => total + read(partition), 0);
}
