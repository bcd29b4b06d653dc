/**
 * All metrics of /metrics, under Kafka's names where Kafka has one (its MBean in lower case, as
 * Kafka's own Prometheus exporters write it). docs/reference/metrics.md is generated from them.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { BrokerStatus, GroupLags, PartitionStatus } from '#broker';
import type { DeliveryStatus, MembershipStatus } from '#delivery';
import type { PeerNetworkStatus } from '#peer-rpc';
import { inSlices, SerialQueue, type SlicedWork } from '#runtime';
import type { Access, EdgeStatus, SecurityStatus } from '#security';
import { boundRefusalsCounter } from './bound-refusals-counter.js';
import type { GatewayCounts } from './gateway-counts.js';
import { groupLagGauges } from './group-lag-gauges.js';
import { labelledMetric } from './labelled-metrics.js';
import { BROKER_SERIES } from './series/broker-series.js';
import { CLUSTER_GAUGES } from './series/cluster-series.js';
import { DELIVERY_SERIES } from './series/delivery-series.js';
import { EDGE_SERIES, LABELLED_EDGE_SERIES } from './series/edge-series.js';
import { HTTP_SERIES, type HttpStatus } from './series/http-series.js';
import { KEPT_STATE_SERIES } from './series/kept-state-series.js';
import { MEMBERSHIP_SERIES } from './series/membership-series.js';
import { PEER_SERIES } from './series/peer-series.js';
import { SECURITY_SERIES } from './series/security-series.js';
import { SOCKET_SERIES } from './series/socket-series.js';
import type { StatusSeries } from './series/status-series.js';
import { STORAGE_GAUGES } from './series/storage-series.js';
import { TLS_CONNECTION_SERIES, TLS_FILE_SERIES, type TlsStatus } from './series/tls-series.js';
import type { SocketStatus } from './socket-status.js';

/** Topics that have a series of their own, by default. */
const TOPIC_SERIES_MAX = 500;
/** Label of the series that all other topics share; no topic can have this name. */
const OTHER_TOPICS = '(others)';

/** Sources of the state that a scrape reads. */
export interface MetricSources {
  broker(): Promise<BrokerStatus>;
  http(): HttpStatus;
  delivery(): DeliveryStatus;
  memberships(): MembershipStatus;
  sockets(): SocketStatus;
  /** Undefined without a cluster. */
  peers(): PeerNetworkStatus | undefined;
  /** Undefined without TLS on the public listener. */
  tls(): TlsStatus | undefined;
  /** Undefined while authentication is off. */
  security(): SecurityStatus | undefined;
  /** Undefined while authentication is off. */
  edge(): EdgeStatus | undefined;
  groupLags(): Promise<GroupLags>;
}

/** Name, type and help of a metric, for the reference page. */
export interface MetricDescription {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
}

/**
 * The page /metrics: the counts of the gateway, and the state of its parts at a scrape. A caller
 * sees the series of the topics and groups that it may describe; sums are those of all.
 *
 * Overlap: scrapes may overlap; a serial queue reads and renders one after the other, because each
 * has a caller of its own.
 */
export class GatewayMetrics {
  readonly #registry = new Registry();
  readonly #counts: GatewayCounts;
  readonly #sources: MetricSources;
  readonly #topicSeriesMax: number;
  /** State of the broker for this scrape; undefined before the first. */
  #broker: BrokerStatus | undefined;
  /** Bytes of the topics that the caller of this scrape may describe. */
  #topicBytes: ReadonlyMap<string, number> = new Map();
  /** Lags of groups that the caller of this scrape may describe. */
  #groupLags: GroupLags = { lags: [], leftOut: 0 };
  readonly #scrapes = new SerialQueue();

  /** @param topicSeriesMax topics that have a series of their own; all others share one */
  constructor(
    counts: GatewayCounts,
    sources: MetricSources,
    topicSeriesMax: number = TOPIC_SERIES_MAX,
  ) {
    this.#counts = counts;
    this.#sources = sources;
    this.#topicSeriesMax = topicSeriesMax;
    for (const count of counts.counters) {
      this.#readCounter(count.name, count.help, () => count.value);
    }
    this.#addSeries(BROKER_SERIES, () => this.#broker);
    this.#addStateGauges();
    this.#addSeries(KEPT_STATE_SERIES, () => this.#broker);
    this.#addSeries(HTTP_SERIES, () => sources.http());
    this.#addSeries(TLS_CONNECTION_SERIES, () => sources.http());
    this.#addSeries(TLS_FILE_SERIES, () => sources.tls());
    this.#addSeries(SECURITY_SERIES, () => sources.security());
    this.#addSeries(EDGE_SERIES, () => sources.edge());
    for (const series of LABELLED_EDGE_SERIES) {
      this.#registry.registerMetric(labelledMetric(series, () => sources.edge()));
    }
    this.#addSeries(PEER_SERIES, () => sources.peers());
    this.#addSeries(DELIVERY_SERIES, () => sources.delivery());
    this.#addSeries(MEMBERSHIP_SERIES, () => sources.memberships());
    this.#addSeries(SOCKET_SERIES, () => sources.sockets());
    this.#addTopicGauge();
    for (const gauge of groupLagGauges(() => this.#groupLags)) this.#registry.registerMetric(gauge);
    this.#addStoreFaultGauge();
    this.#registry.registerMetric(boundRefusalsCounter(() => sources.http().boundRefusals));
    collectDefaultMetrics({ register: this.#registry });
  }

  /** Renders the text of /metrics for a caller. */
  render(caller: Pick<Access, 'may'>): Promise<string> {
    return this.#scrapes.run(() => this.#render(caller));
  }

  async #render(caller: Pick<Access, 'may'>): Promise<string> {
    this.#broker = await this.#sources.broker();
    const { partitions } = this.#broker;
    this.#topicBytes = await inSlices(bytesByTopic(partitions, this.#topicSeriesMax, caller));
    const { lags, leftOut } = await this.#sources.groupLags();
    const shown = lags.filter(
      ({ group, topic }) =>
        mayDescribe(caller, 'group', group) && mayDescribe(caller, 'topic', topic),
    );
    this.#groupLags = { lags: shown, leftOut };
    const text = await this.#registry.metrics();
    return `${text}\n${this.#counts.histograms.map((histogram) => histogram.render()).join('\n')}`;
  }

  /** Describes all metrics, in order of their names. */
  describe(): MetricDescription[] {
    const plain = this.#registry.getMetricsAsArray().map(
      (metric): MetricDescription => ({
        name: metric.name,
        type: metric.type as unknown as MetricDescription['type'],
        help: metric.help,
      }),
    );
    const hot = this.#counts.histograms.map(
      ({ name, help }): MetricDescription => ({ name, type: 'histogram', help }),
    );
    return [...plain, ...hot].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  #addStateGauges(): void {
    const read = (get: (status: BrokerStatus) => number) => () =>
      this.#broker === undefined ? 0 : get(this.#broker);
    for (const { name, help, read: get } of STORAGE_GAUGES) this.#gauge(name, help, read(get));
    for (const { name, help, read: get } of CLUSTER_GAUGES) {
      this.#gauge(
        name,
        help,
        read(({ cluster }) => (cluster === undefined ? 0 : get(cluster))),
      );
    }
  }

  #addSeries<Status>(
    series: readonly StatusSeries<Status>[],
    status: () => Status | undefined,
  ): void {
    for (const { name, type, help, read } of series) {
      const value = (): number => {
        const now = status();
        return now === undefined ? 0 : read(now);
      };
      if (type === 'gauge') this.#gauge(name, help, value);
      else this.#readCounter(name, help, value);
    }
  }

  #addTopicGauge(): void {
    const bytes = () => this.#topicBytes;
    const gauge = new Gauge({
      name: 'kafka_log_log_size_bytes',
      help: "Size on disk of a topic's partitions; topics beyond SLUICE_METRICS_TOPICS_MAX share one series.",
      labelNames: ['topic'],
      registers: [],
      collect() {
        this.reset();
        for (const [topic, size] of bytes()) this.set({ topic }, size);
      },
    });
    this.#registry.registerMetric(gauge);
  }

  #addStoreFaultGauge(): void {
    const fault = () => this.#broker?.cluster?.storeFault;
    const gauge = new Gauge({
      name: 'sluice_cluster_redis_fault',
      help: '1 with the reason for which Redis refuses changes of the metadata; no series while it accepts them.',
      labelNames: ['reason'],
      registers: [],
      collect() {
        this.reset();
        const reason = fault()?.reason;
        if (reason !== undefined) this.set({ reason }, 1);
      },
    });
    this.#registry.registerMetric(gauge);
  }

  #readCounter(name: string, help: string, read: () => number): void {
    const counter = new Counter({
      name,
      help,
      registers: [],
      collect() {
        this.reset();
        this.inc(read());
      },
    });
    this.#registry.registerMetric(counter);
  }

  #gauge(name: string, help: string, read: () => number): void {
    const gauge = new Gauge({
      name,
      help,
      registers: [],
      collect() {
        this.set(read());
      },
    });
    this.#registry.registerMetric(gauge);
  }
}

/** Partitions that are summed in one slice. */
const PARTITIONS_PER_SLICE = 500;

/** Sums the sizes of the topics that the caller may describe, in the order of the partitions. */
function* bytesByTopic(
  partitions: readonly PartitionStatus[],
  topicSeriesMax: number,
  caller: Pick<Access, 'may'>,
): SlicedWork<ReadonlyMap<string, number>> {
  const bytes = new Map<string, number>();
  for (const [index, { topic, sizeBytes }] of partitions.entries()) {
    if (index % PARTITIONS_PER_SLICE === PARTITIONS_PER_SLICE - 1) yield;
    if (!mayDescribe(caller, 'topic', topic)) continue;
    const series = bytes.has(topic) || bytes.size < topicSeriesMax ? topic : OTHER_TOPICS;
    bytes.set(series, (bytes.get(series) ?? 0) + (sizeBytes ?? 0));
  }
  return bytes;
}

function mayDescribe(caller: Pick<Access, 'may'>, type: 'topic' | 'group', name: string): boolean {
  return caller.may('Describe', { type, name });
}
