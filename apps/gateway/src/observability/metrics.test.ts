import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { BrokerStatus, PartitionStatus } from '#broker';
import { GatewayCounts } from './gateway-counts.js';
import { GatewayMetrics, type MetricSources } from './metrics.js';
import { metricsReference } from './metrics-reference.js';

const HTTP = {
  connections: 3,
  events: {
    connectionDropped: 3,
    connectionRefused: 4,
    connectionSilent: 5,
    keepAliveEnded: 7,
    headLate: 6,
    bodyLate: 8,
    bodyUnread: 9,
    pipelineHeld: 10,
    pipelineCut: 11,
    upgradeRefused: 12,
  },
  requestsInFlight: 2,
  requestMemoryUsedBytes: 10,
  requestMemoryLimitBytes: 100,
  longPolls: 1,
  outbound: { heldBytes: 0, waiting: 0, refusedTotal: 0, droppedTotal: 0 },
  largePages: { running: 0, waiting: 0 },
  renderCacheBytes: 5,
  renderCacheHits: 6,
  renderCacheMisses: 7,
};

const DELIVERY = {
  subscriptions: 1,
  memoryBytes: 0,
  refusedTotal: 0,
  cursors: 2,
  liveCursors: 1,
  recordsTotal: 30,
  bytesTotal: 300,
  catchUpKeptBytes: 40,
  catchUpReadsTotal: 5,
  catchUpReadsSharedTotal: 4,
};
const MEMBERSHIPS = {
  members: 2,
  rejoinsTotal: 1,
  fencedTotal: 1,
  heartbeatsFailedTotal: 3,
};
const SOCKETS = {
  sockets: 3,
  pausedSockets: 1,
  pendingBytes: 50,
  openedTotal: 7,
  messagesTotal: 9,
  deadTotal: 2,
  stalledTotal: 1,
  refusedTotal: 6,
  closeTimeoutsTotal: 8,
};

function statusOf(partitions: readonly PartitionStatus[]): BrokerStatus {
  return {
    topics: 1,
    partitions,
    disk: { isDiskFull: false, heldBytes: 4096 },
    segments: 7,
    quarantinedBytes: 0,
    clock: { aheadMs: 0, graceLeftMs: 0, jumpsTotal: 0 },
    bufferTotalBytes: 1000,
    bufferAvailableBytes: 900,
    bufferWaiters: 0,
    bufferExhaustedTotal: 4,
    delayedFetches: 0,
    delayedFetchesRefusedTotal: 0,
    committedOffsets: 0,
    offsetsExpiredTotal: 0,
    diskReads: 0,
    groups: {
      groups: 1,
      members: 2,
      stateBytes: 3,
      rebalancesTotal: 4,
      sessionsOverTotal: 5,
      pollsWaiting: 6,
      pollsRefusedTotal: 7,
    },
    keptState: {
      offsetBytes: 700,
      offsetCommitsRefusedTotal: 3,
      producers: { producers: 2, usedBytes: 1300, refusedTotal: 5, evictedTotal: 6 },
    },
    diskReadsWaiting: 0,
    cluster: undefined,
  };
}

function partition(topic: string, changes: Partial<PartitionStatus> = {}): PartitionStatus {
  return {
    topic,
    partition: 0,
    logStartOffset: 0,
    highWatermark: 1,
    logEndOffset: 1,
    sizeBytes: 10,
    isWritable: true,
    lostRecords: [],
    damagedRanges: 0,
    offline: undefined,
    ...changes,
  };
}

const SOURCES: MetricSources = {
  broker: () => Promise.resolve(statusOf([])),
  http: () => HTTP,
  delivery: () => DELIVERY,
  memberships: () => MEMBERSHIPS,
  sockets: () => SOCKETS,
  peers: () => undefined,
};

function metricsOf(
  partitions: readonly PartitionStatus[],
  topicSeriesMax?: number,
  counts = new GatewayCounts(),
): GatewayMetrics {
  const broker = () => Promise.resolve(statusOf(partitions));
  return new GatewayMetrics(counts, { ...SOURCES, broker }, topicSeriesMax);
}

describe('the metrics', () => {
  test('docs/reference/metrics.md lists exactly the metrics of the page', () => {
    const page = readFileSync(
      new URL('../../../../docs/reference/metrics.md', import.meta.url),
      'utf8',
    );
    expect(page).toBe(metricsReference(metricsOf([]).describe()));
  });

  test('every rendered metric is described, and the other way round', async () => {
    const metrics = metricsOf([partition('orders')]);
    const shown = [...(await metrics.render()).matchAll(/^# TYPE (\S+) /gm)].map(
      ([, name]) => name,
    );
    expect(new Set(shown)).toEqual(new Set(metrics.describe().map(({ name }) => name)));
  });

  test('appended records are counted', async () => {
    const counts = new GatewayCounts();
    counts.appended(3, [100, 200]);
    counts.appended(1, [50]);
    const lines = (await metricsOf([], undefined, counts).render()).split('\n');
    expect(lines).toContain('kafka_server_brokertopicmetrics_messagesin_total 4');
    expect(lines).toContain('kafka_server_brokertopicmetrics_bytesin_total 350');
    expect(lines).toContain('kafka_producer_producermetrics_batch_size_bytes_count 3');
  });

  test('many topics with long names share one series, so that the page stays small', async () => {
    const topics = Array.from({ length: 100_000 }, (_, index) =>
      partition(`${'t'.repeat(240)}${index}`),
    );
    const page = await metricsOf(topics).render();
    expect(page.length).toBeLessThan(500_000);
    expect(page).toContain('kafka_log_log_size_bytes{topic="(others)"} 995000\n');
    expect(page.match(/kafka_log_log_size_bytes\{/g)).toHaveLength(501);
  });

  test('the setting bounds the topics with a series of their own', async () => {
    const metrics = metricsOf([partition('a'), partition('b'), partition('c')], 1);
    const page = await metrics.render();
    expect(page).toContain('kafka_log_log_size_bytes{topic="a"} 10\n');
    expect(page).toContain('kafka_log_log_size_bytes{topic="(others)"} 20\n');
  });

  test('reading counters does not increase them', async () => {
    const counts = new GatewayCounts();
    const metrics = metricsOf([], undefined, counts);
    counts.appended(1, [50]);
    await metrics.render();
    expect(await metrics.render()).toContain(
      'kafka_server_brokertopicmetrics_messagesin_total 1\n',
    );
  });

  test('calls between brokers are rendered in cluster mode', async () => {
    expect(await metricsOf([]).render()).toContain('sluice_cluster_calls_answered_total 0\n');
    const peers = () => ({
      listener: { callsInFlight: 2, heldBytes: 300, callsRefused: 4, callsFailed: 5 },
      peers: { callsInFlight: 6, callsAnswered: 7, callsUnreachable: 8 },
    });
    const metrics = new GatewayMetrics(new GatewayCounts(), { ...SOURCES, peers });
    const text = await metrics.render();
    for (const line of [
      'sluice_cluster_calls_served_in_flight 2',
      'sluice_cluster_calls_memory_used_bytes 300',
      'sluice_cluster_calls_refused_total 4',
      'sluice_cluster_calls_failed_total 5',
      'sluice_cluster_calls_made_in_flight 6',
      'sluice_cluster_calls_answered_total 7',
      'sluice_cluster_calls_unreachable_total 8',
    ]) {
      expect(text).toContain(`${line}\n`);
    }
  });

  test('sizes are summed by topic, and topics past the limit share a series', async () => {
    const many = Array.from({ length: 502 }, (_, index) => partition(`t${index}`));
    const text = await metricsOf([...many, partition('t0', { partition: 1 })]).render();
    expect(text).toContain('kafka_log_log_size_bytes{topic="t0"} 20');
    expect(text).toContain('kafka_log_log_size_bytes{topic="(others)"} 20');
    expect(text.match(/^kafka_log_log_size_bytes\{/gm)).toHaveLength(501);
  });

  test('offline, read-only and damaged partitions are counted separately', async () => {
    const text = await metricsOf([
      partition('a', { offline: 'the log end is below the high watermark', isWritable: false }),
      partition('b', { isWritable: false }),
      partition('c', { damagedRanges: 2 }),
    ]).render();
    expect(text).toContain('kafka_server_replicamanager_offlinereplicacount 1\n');
    expect(text).toContain('sluice_log_read_only_partitions 1\n');
    expect(text).toContain('sluice_log_damaged_ranges 2\n');
  });

  test('a full disk and the reserve are rendered', async () => {
    const text = await metricsOf([]).render();
    expect(text).toContain('sluice_disk_full 0\n');
    expect(text).toContain('sluice_disk_reserve_bytes 4096\n');
  });

  test('requests are timed by route', async () => {
    const counts = new GatewayCounts();
    counts.requestEnded('produce', 200, 3);
    counts.controlRequestEnded(counts.routeSeries('GET /v1/topics'), 700);
    const text = await metricsOf([], undefined, counts).render();
    const bucket = 'kafka_network_requestmetrics_totaltime_seconds_bucket';
    expect(text).toContain(`${bucket}{request="POST /v1/topics/{topic}/records",le="0.0025"} 0\n`);
    expect(text).toContain(`${bucket}{request="POST /v1/topics/{topic}/records",le="0.005"} 1\n`);
    expect(text).toContain(`${bucket}{request="GET /v1/topics",le="1"} 1\n`);
  });
});
