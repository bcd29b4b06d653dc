/**
 * All metrics of /metrics, under Kafka's names where Kafka has one (its MBean in lower case, as
 * Kafka's own Prometheus exporters write it). docs/reference/metrics.md is generated from them.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { BrokerStatus, PartitionStatus } from '#broker';
import type { DeliveryStatus, MembershipStatus } from '#delivery';
import type { PeerNetworkStatus } from '#peer-rpc';
import type { SocketStatus } from '../shared/socket-status.js';
import { boundRefusalsCounter } from './bound-metrics.js';
import { BROKER_SERIES } from './broker-metrics.js';
import { CLUSTER_GAUGES } from './cluster-metrics.js';
import { DELIVERY_SERIES } from './delivery-metrics.js';
import type { GatewayCounts } from './gateway-counts.js';
import { HTTP_SERIES, type HttpStatus } from './http-metrics.js';
import { KEPT_STATE_SERIES } from './kept-state-metrics.js';
import { MEMBERSHIP_SERIES } from './membership-metrics.js';
import { PEER_SERIES } from './peer-metrics.js';
import { SOCKET_SERIES } from './socket-metrics.js';
import type { StatusSeries } from './status-series.js';
import { STORAGE_GAUGES } from './storage-metrics.js';

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
}

/** Name, type and help of a metric, for the reference page. */
export interface MetricDescription {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
}

/** The page /metrics: the counts of the gateway, and the state of its parts at a scrape. */
export class GatewayMetrics {
  readonly #registry = new Registry();
  readonly #counts: GatewayCounts;
  readonly #sources: MetricSources;
  readonly #topicSeriesMax: number;
  /** State of the broker for this scrape; undefined before the first. */
  #broker: BrokerStatus | undefined;

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
    this.#addSeries(PEER_SERIES, () => sources.peers());
    this.#addSeries(DELIVERY_SERIES, () => sources.delivery());
    this.#addSeries(MEMBERSHIP_SERIES, () => sources.memberships());
    this.#addSeries(SOCKET_SERIES, () => sources.sockets());
    this.#addTopicGauge();
    this.#addStoreFaultGauge();
    this.#registry.registerMetric(boundRefusalsCounter());
    collectDefaultMetrics({ register: this.#registry });
  }

  /** Renders the text of /metrics. */
  async render(): Promise<string> {
    this.#broker = await this.#sources.broker();
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
    const bytesByTopic = () => bytesOf(this.#broker?.partitions ?? [], this.#topicSeriesMax);
    const gauge = new Gauge({
      name: 'kafka_log_log_size_bytes',
      help: "Size on disk of a topic's partitions; topics beyond SLUICE_METRICS_TOPICS_MAX share one series.",
      labelNames: ['topic'],
      registers: [],
      collect() {
        this.reset();
        for (const [topic, bytes] of bytesByTopic()) this.set({ topic }, bytes);
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

function bytesOf(
  partitions: readonly PartitionStatus[],
  topicSeriesMax: number,
): Map<string, number> {
  const bytes = new Map<string, number>();
  for (const { topic, sizeBytes } of partitions) {
    const series = bytes.has(topic) || bytes.size < topicSeriesMax ? topic : OTHER_TOPICS;
    bytes.set(series, (bytes.get(series) ?? 0) + (sizeBytes ?? 0));
  }
  return bytes;
}
