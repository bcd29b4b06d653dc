import { Gauge } from 'prom-client';
import type { GroupLags } from '#broker';
import type { LongGauge } from './metrics-in-slices.js';
import type { StatusSeries } from './series/status-series.js';

/** Gauge of the lags of groups, read from the lags of the scrape. */
export function groupLagGauge(lags: () => GroupLags['lags']): LongGauge {
  const name = 'kafka_consumergroup_lag';
  const gauge = new Gauge({
    name,
    help: 'Records between the committed offset of a group that this broker coordinates and the high watermark, for at most SLUICE_METRICS_GROUP_PARTITIONS_MAX partitions of groups.',
    labelNames: ['consumergroup', 'topic', 'partition'],
    registers: [],
  });
  return {
    name,
    gauge,
    *series() {
      for (const { group, topic, partition, lag } of lags()) {
        yield [{ consumergroup: group, topic, partition: String(partition) }, lag];
      }
    },
  };
}

/** Series of the lags of groups that have no labels. */
export const GROUP_LAG_SERIES: readonly StatusSeries<GroupLags>[] = [
  {
    name: 'sluice_group_lags_left_out',
    type: 'gauge',
    help: 'Partitions of groups without a series of their lag: those beyond SLUICE_METRICS_GROUP_PARTITIONS_MAX, and those whose leader did not answer.',
    read: ({ leftOut }) => leftOut,
  },
];
