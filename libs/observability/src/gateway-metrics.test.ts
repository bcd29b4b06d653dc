import { readFileSync } from 'node:fs';
import perfHooks from 'node:perf_hooks';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { PartitionStatus } from '#broker';
import { type EdgeStatus, OPEN_ACCESS } from '#security';
import { GatewayCounts } from './gateway-counts.js';
import { GatewayMetrics, type MetricSources } from './gateway-metrics.js';
import { metricsReference } from './metrics-reference.js';
import { brokerStatus, partitionStatus } from './testing/broker-status.js';

const HTTP = {
  connections: 3,
  unidentifiedConnections: 2,
  events: {
    connectionDropped: 3,
    connectionRefused: 4,
    connectionSilent: 5,
    unidentifiedDropped: 61,
    unidentifiedRefused: 62,
    keepAliveEnded: 7,
    headLate: 6,
    bodyLate: 8,
    bodyUnread: 9,
    pipelineHeld: 10,
    pipelineCut: 11,
    upgradeRefused: 12,
    handshakeLate: 51,
    handshakeFailed: 52,
    plainRefused: 53,
    certificateRefused: 54,
    certificateEnded: 55,
  },
  requestsInFlight: 2,
  requestMemoryUsedBytes: 10,
  requestMemoryLimitBytes: 100,
  longPolls: 1,
  boundRefusals: new Map([['SLUICE_TOPICS_MAX', 3]]),
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
  silentTotal: 1,
  overdueTotal: 1,
  heartbeatsFailedTotal: 3,
  queueRecords: 4,
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

const EDGE: EdgeStatus = {
  throttles: {
    producer_byte_rate: { delayed: 1, refused: 2, delayMs: 1500 },
    consumer_byte_rate: { delayed: 0, refused: 0, delayMs: 0 },
    request_rate: { delayed: 3, refused: 4, delayMs: 250 },
    connections: { delayed: 0, refused: 5, delayMs: 0 },
  },
  quotaBuckets: 6,
  shares: new Map([['cursors', { shareMax: 100, principals: 19, largest: 20, refusedTotal: 21 }]]),
  failedLogins: { total: 7, delayed: 8, delayMs: 9000, addresses: 10 },
  tickets: { issuedTotal: 11, redeemedTotal: 12, refusedTotal: 13, unused: 14 },
  producerTokensRefused: 15,
  auditLines: 16,
  auditLinesLost: 17,
  denials: new Map([['Write', 18]]),
};

const SOURCES: MetricSources = {
  broker: () => Promise.resolve(brokerStatus([])),
  http: () => HTTP,
  delivery: () => DELIVERY,
  memberships: () => MEMBERSHIPS,
  sockets: () => SOCKETS,
  peers: () => undefined,
  tls: () => ({ reloads: 1, failures: 2, expiresAtMs: 3000 }),
  security: () => ({
    keys: 1,
    acls: 2,
    quotas: 3,
    revocations: 4,
    journalBytes: 5,
    forgeries: 6,
  }),
  edge: () => EDGE,
  groupLags: () =>
    Promise.resolve({ lags: [{ group: 'g', topic: 'a', partition: 1, lag: 7 }], leftOut: 2 }),
  openDescriptors: () => Promise.resolve(17),
  eventLoop: () =>
    Promise.resolve({
      turn: 0.1,
      min: 0.01,
      max: 0.9,
      mean: 0.2,
      stddev: 0.3,
      p50: 0.05,
      p90: 0.6,
      p99: 0.7,
    }),
};

function metricsOf(
  partitions: readonly PartitionStatus[],
  topicSeriesMax?: number,
  counts = new GatewayCounts(),
): GatewayMetrics {
  const broker = () => Promise.resolve(brokerStatus(partitions));
  return new GatewayMetrics(counts, { ...SOURCES, broker }, topicSeriesMax);
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('the metrics', () => {
  test('docs/reference/metrics.md lists exactly the metrics of the page', () => {
    const page = readFileSync(
      new URL('../../../docs/reference/metrics.md', import.meta.url),
      'utf8',
    );
    expect(page).toBe(metricsReference(metricsOf([]).describe()));
  });

  test('every rendered metric is described, and the other way round', async () => {
    const metrics = metricsOf([partitionStatus('orders')]);
    const shown = [...(await metrics.render(OPEN_ACCESS)).matchAll(/^# TYPE (\S+) /gm)].map(
      ([, name]) => name,
    );
    expect(new Set(shown)).toEqual(new Set(metrics.describe().map(({ name }) => name)));
  });

  test('appended records are counted', async () => {
    const counts = new GatewayCounts();
    counts.appended(3, [100, 200]);
    counts.appended(1, [50]);
    const lines = (await metricsOf([], undefined, counts).render(OPEN_ACCESS)).split('\n');
    expect(lines).toContain('kafka_server_brokertopicmetrics_messagesin_total 4');
    expect(lines).toContain('kafka_server_brokertopicmetrics_bytesin_total 350');
    expect(lines).toContain('kafka_producer_producermetrics_batch_size_bytes_count 3');
  });

  test('many topics with long names share one series, so that the page stays small', async () => {
    const topics = Array.from({ length: 100_000 }, (_, index) =>
      partitionStatus(`${'t'.repeat(240)}${index}`),
    );
    const page = await metricsOf(topics).render(OPEN_ACCESS);
    expect(page.length).toBeLessThan(500_000);
    expect(page).toContain('kafka_log_log_size_bytes{topic="(others)"} 995000\n');
    expect(page.match(/kafka_log_log_size_bytes\{/g)).toHaveLength(501);
  });

  test('the setting bounds the topics with a series of their own', async () => {
    const metrics = metricsOf(
      [partitionStatus('a'), partitionStatus('b'), partitionStatus('c')],
      1,
    );
    const page = await metrics.render(OPEN_ACCESS);
    expect(page).toContain('kafka_log_log_size_bytes{topic="a"} 10\n');
    expect(page).toContain('kafka_log_log_size_bytes{topic="(others)"} 20\n');
  });

  test('the lag of each group has series by partition, and others are counted', async () => {
    const page = await metricsOf([]).render(OPEN_ACCESS);
    expect(page).toContain(
      'kafka_consumergroup_lag{consumergroup="g",topic="a",partition="1"} 7\n',
    );
    expect(page).toContain('sluice_group_lags_left_out 2\n');
  });

  test('all series of a part are of one moment', async () => {
    let moment = 0;
    const http = () => {
      moment += 1;
      return { ...HTTP, connections: moment, longPolls: moment, renderCacheHits: moment };
    };
    const metrics = new GatewayMetrics(new GatewayCounts(), { ...SOURCES, http });
    for (const read of [1, 2]) {
      const text = await metrics.render(OPEN_ACCESS);
      expect(text).toContain(`kafka_server_socketservermetrics_connection_count ${read}\n`);
      expect(text).toContain(`sluice_http_long_polls ${read}\n`);
      expect(text).toContain(`sluice_http_render_cache_hits_total ${read}\n`);
    }
  });

  test.runIf(process.platform === 'linux')('open descriptors are those of the source', async () => {
    const text = await metricsOf([]).render(OPEN_ACCESS);
    expect(text.match(/^process_open_fds .*/gm)).toEqual(['process_open_fds 17']);
    expect(text).toContain('# HELP process_open_fds Number of open file descriptors.\n');
  });

  test('delays of the event loop have the names of prom-client, and are our own', async () => {
    const text = await metricsOf([]).render(OPEN_ACCESS);
    expect(text.match(/^nodejs_eventloop_.*/gm)).toEqual([
      'nodejs_eventloop_lag_seconds 0.1',
      'nodejs_eventloop_lag_min_seconds 0.01',
      'nodejs_eventloop_lag_max_seconds 0.9',
      'nodejs_eventloop_lag_mean_seconds 0.2',
      'nodejs_eventloop_lag_stddev_seconds 0.3',
      'nodejs_eventloop_lag_p50_seconds 0.05',
      'nodejs_eventloop_lag_p90_seconds 0.6',
      'nodejs_eventloop_lag_p99_seconds 0.7',
    ]);
  });

  test('the histogram of prom-client does not wake up an idle process', () => {
    const monitored = vi.spyOn(perfHooks, 'monitorEventLoopDelay');
    metricsOf([]);
    const resolutions = monitored.mock.calls.map(([options]) => options?.resolution);
    expect(resolutions).toEqual([2 ** 31 - 1]);
  });

  test('reading counters does not increase them', async () => {
    const counts = new GatewayCounts();
    const metrics = metricsOf([], undefined, counts);
    counts.appended(1, [50]);
    await metrics.render(OPEN_ACCESS);
    expect(await metrics.render(OPEN_ACCESS)).toContain(
      'kafka_server_brokertopicmetrics_messagesin_total 1\n',
    );
  });

  test('refusals are counted by the setting of their bound', async () => {
    expect(await metricsOf([]).render(OPEN_ACCESS)).toContain(
      'sluice_bound_refusals_total{bound="SLUICE_TOPICS_MAX"} 3\n',
    );
  });

  test('uses of credentials and quotas are rendered, with the names of quotas', async () => {
    const text = await metricsOf([]).render(OPEN_ACCESS);
    for (const line of [
      'kafka_server_socketservermetrics_failed_authentication_total 7',
      'sluice_security_failed_logins_delayed_total 8',
      'sluice_security_failed_login_delay_seconds_total 9',
      'sluice_security_failed_login_addresses 10',
      'sluice_security_tickets_issued_total 11',
      'sluice_security_tickets_redeemed_total 12',
      'sluice_security_tickets_refused_total 13',
      'sluice_security_tickets_unused 14',
      'sluice_security_producer_tokens_refused_total 15',
      'sluice_security_audit_lines_total 16',
      'sluice_security_audit_lines_lost_total 17',
      'sluice_quota_buckets 6',
      'sluice_quota_throttled_total{quota="request_rate"} 3',
      'sluice_quota_throttle_seconds_total{quota="producer_byte_rate"} 1.5',
      'sluice_quota_refused_total{quota="connections"} 5',
      'sluice_security_denials_total{operation="Write"} 18',
      'sluice_share_principals{bound="cursors"} 19',
      'sluice_share_largest{bound="cursors"} 20',
      'sluice_share_max{bound="cursors"} 100',
      'sluice_share_refused_total{bound="cursors"} 21',
    ]) {
      expect(text).toContain(`${line}\n`);
    }
    const off = new GatewayMetrics(new GatewayCounts(), { ...SOURCES, edge: () => undefined });
    const textOfOff = await off.render(OPEN_ACCESS);
    expect(textOfOff).toContain('sluice_security_tickets_issued_total 0\n');
    expect(textOfOff).not.toContain('sluice_quota_refused_total{');
  });

  test('overlapping scrapes show each caller the topics that it may describe', async () => {
    const metrics = metricsOf(
      [partitionStatus('a'), partitionStatus('b'), partitionStatus('c')],
      1,
    );
    const only = (...names: string[]) => ({
      may: (_: string, { name }: { readonly name: string }) => names.includes(name),
    });
    const [all, some, other] = await Promise.all([
      metrics.render(OPEN_ACCESS),
      metrics.render(only('b', 'g')),
      metrics.render(only('a', 'g')),
    ]);
    const topics = (text: string) => text.match(/^kafka_log_log_size_bytes\{.*/gm);
    expect(topics(all)).toEqual([
      'kafka_log_log_size_bytes{topic="a"} 10',
      'kafka_log_log_size_bytes{topic="(others)"} 20',
    ]);
    expect(topics(some)).toEqual(['kafka_log_log_size_bytes{topic="b"} 10']);
    expect(topics(other)).toEqual(['kafka_log_log_size_bytes{topic="a"} 10']);
    const lags = [all, some, other].map((text) => text.includes('kafka_consumergroup_lag{'));
    expect(lags).toEqual([true, false, true]);
  });

  test('calls between brokers are rendered in cluster mode', async () => {
    expect(await metricsOf([]).render(OPEN_ACCESS)).toContain(
      'sluice_cluster_calls_answered_total 0\n',
    );
    const peers = () => ({
      listener: { callsInFlight: 2, heldBytes: 300, callsRefused: 4, callsFailed: 5 },
      peers: { callsInFlight: 6, callsAnswered: 7, callsUnreachable: 8 },
    });
    const metrics = new GatewayMetrics(new GatewayCounts(), { ...SOURCES, peers });
    const text = await metrics.render(OPEN_ACCESS);
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
    const many = Array.from({ length: 502 }, (_, index) => partitionStatus(`t${index}`));
    const text = await metricsOf([...many, partitionStatus('t0', { partition: 1 })]).render(
      OPEN_ACCESS,
    );
    expect(text).toContain('kafka_log_log_size_bytes{topic="t0"} 20');
    expect(text).toContain('kafka_log_log_size_bytes{topic="(others)"} 20');
    expect(text.match(/^kafka_log_log_size_bytes\{/gm)).toHaveLength(501);
  });

  test('offline, read-only and damaged partitions are counted separately', async () => {
    const text = await metricsOf([
      partitionStatus('a', {
        offline: 'the log end is below the high watermark',
        isWritable: false,
      }),
      partitionStatus('b', { isWritable: false }),
      partitionStatus('c', { damagedRanges: 2 }),
    ]).render(OPEN_ACCESS);
    expect(text).toContain('kafka_server_replicamanager_offlinereplicacount 1\n');
    expect(text).toContain('sluice_log_read_only_partitions 1\n');
    expect(text).toContain('sluice_log_damaged_ranges 2\n');
  });

  test('a full disk and the reserve are rendered', async () => {
    const text = await metricsOf([]).render(OPEN_ACCESS);
    expect(text).toContain('sluice_disk_full 0\n');
    expect(text).toContain('sluice_disk_reserve_bytes 4096\n');
  });

  test('requests are timed by route', async () => {
    const counts = new GatewayCounts();
    counts.requestEnded('produce', 200, 3);
    counts.controlRequestEnded(counts.routeSeries('GET /v1/topics'), 700);
    const text = await metricsOf([], undefined, counts).render(OPEN_ACCESS);
    const bucket = 'kafka_network_requestmetrics_totaltime_seconds_bucket';
    expect(text).toContain(`${bucket}{request="POST /v1/topics/{topic}/records",le="0.0025"} 0\n`);
    expect(text).toContain(`${bucket}{request="POST /v1/topics/{topic}/records",le="0.005"} 1\n`);
    expect(text).toContain(`${bucket}{request="GET /v1/topics",le="1"} 1\n`);
  });
});
