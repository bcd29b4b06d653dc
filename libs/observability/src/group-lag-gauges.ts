import { Gauge, type Metric } from 'prom-client';
import type { GroupLags } from '#broker';

/** Gauges of the lags of groups, read from the lags of the scrape. */
export function groupLagGauges(lags: () => GroupLags): readonly Metric[] {
  const lag = new Gauge({
    name: 'kafka_consumergroup_lag',
    help: 'Records between the committed offset of a group that this broker coordinates and the high watermark, for at most SLUICE_METRICS_GROUP_PARTITIONS_MAX partitions of groups.',
    labelNames: ['consumergroup', 'topic', 'partition'],
    registers: [],
    collect() {
      this.reset();
      for (const { group, topic, partition, lag: records } of lags().lags) {
        this.set({ consumergroup: group, topic, partition: String(partition) }, records);
      }
    },
  });
  const leftOut = new Gauge({
    name: 'sluice_group_lags_left_out',
    help: 'Partitions of groups without a series of their lag: those beyond SLUICE_METRICS_GROUP_PARTITIONS_MAX, and those whose leader did not answer.',
    registers: [],
    collect() {
      this.set(lags().leftOut);
    },
  });
  return [lag, leftOut];
}
