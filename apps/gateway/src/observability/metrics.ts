/**
 * All metrics of /metrics, under Kafka's names where Kafka has one (its MBean in lower case, as
 * Kafka's own Prometheus exporters write it). docs/reference/metrics.md is generated from them.
 *
 * A counter on a hot path is a plain number; it is rendered as Prometheus' text only on a scrape.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { BrokerStatus, PartitionStatus } from '#broker';
import type { DeliveryStatus } from '#delivery';
import type { LogObserver } from '#log';
import type { PeerNetworkStatus } from '#peer-rpc';
import type { FrontRoute, RequestObserver } from '../shared/request-observer.js';
import type { SocketStatus } from '../ws/socket-server.js';
import { boundRefusalsCounter } from './bound-metrics.js';
import { BROKER_SERIES } from './broker-metrics.js';
import { CLUSTER_GAUGES } from './cluster-metrics.js';
import { DELIVERY_SERIES } from './delivery-metrics.js';
import { HotHistogram, type HotHistogramOptions } from './hot-histogram.js';
import { HTTP_SERIES, type HttpStatus } from './http-metrics.js';
import { KEPT_STATE_SERIES } from './kept-state-metrics.js';
import { PEER_SERIES } from './peer-metrics.js';
import { SOCKET_SERIES } from './socket-metrics.js';
import type { StatusSeries } from './status-series.js';
import { STORAGE_GAUGES } from './storage-metrics.js';

/** Topics that have a series of their own, by default. */
const TOPIC_SERIES_MAX = 500;
/** Label of the series that all other topics share; no topic can have this name. */
const OTHER_TOPICS = '(others)';

const SECONDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];
const BATCH_BYTES = [
  128, 512, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216,
];

/** Labels of the front's routes; `refused` is for unknown routes, foreign origins and limits. */
const FRONT_ROUTES: Readonly<Record<FrontRoute, string>> = {
  produce: 'POST /v1/topics/{topic}/records',
  fetch: 'GET /v1/topics/{topic}/partitions/{partition}/records',
  events: 'GET /v1/topics/{topic}/events',
  refused: 'refused',
};

/** Sources of the state that a scrape reads. */
export interface MetricSources {
  broker(): Promise<BrokerStatus>;
  http(): HttpStatus;
  delivery(): DeliveryStatus;
  sockets(): SocketStatus;
}

/** Name, type and help of a metric, for the reference page. */
export interface MetricDescription {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
}

/** A counter on a hot path. */
interface Count {
  value: number;
}

export class GatewayMetrics implements LogObserver, RequestObserver {
  readonly #registry = new Registry();
  readonly #histograms: HotHistogram[] = [];
  readonly #frontSeries: Readonly<Record<FrontRoute, number>>;
  #sources: MetricSources | undefined;
  #peers: (() => PeerNetworkStatus) | undefined;
  /** State of the broker for this scrape. */
  #broker: BrokerStatus | undefined;

  readonly #batchesIn = this.#counter('sluice_log_batches_in_total', 'Record batches appended.');
  readonly #bytesIn = this.#counter(
    'kafka_server_brokertopicmetrics_bytesin_total',
    'Bytes of record batches appended.',
  );
  readonly #recordsIn = this.#counter(
    'kafka_server_brokertopicmetrics_messagesin_total',
    'Records appended.',
  );
  readonly #bytesOut = this.#counter(
    'kafka_server_brokertopicmetrics_bytesout_total',
    'Bytes of records in fetch answers.',
  );
  readonly #recordsOut = this.#counter(
    'sluice_fetch_records_out_total',
    'Records of fetch answers.',
  );
  readonly #diskReadBytes = this.#counter(
    'sluice_log_read_from_disk_bytes_total',
    'Bytes of record batches read from disk, not from the tail cache.',
  );
  readonly #storageFailures = this.#counter(
    'sluice_log_storage_failures_total',
    'Writes and syncs that failed.',
  );
  readonly #damages = this.#counter(
    'sluice_log_damage_found_total',
    'Ranges found to be unreadable since the start.',
  );
  readonly #scrubbedBytes = this.#counter(
    'sluice_log_scrubbed_bytes_total',
    'Bytes of closed segments that the background scrub has checked.',
  );
  readonly #scrubPasses = this.#counter(
    'sluice_log_scrub_passes_total',
    'Completed passes of the background scrub over all logs.',
  );
  readonly #cutBytes = this.#counter(
    'sluice_log_recovery_cut_bytes_total',
    'Bytes that recovery cut from torn tails; they are kept beside the log.',
  );
  readonly #repairedBytes = this.#counter(
    'sluice_log_repaired_bytes_total',
    'Damaged bytes that were replaced by those of another replica; they are kept beside the log.',
  );
  readonly #deletedBytes = this.#counter(
    'sluice_log_deleted_bytes_total',
    'Bytes of segments deleted by retention, deletion of records or of topics.',
  );
  readonly #cleanedBytes = this.#counter(
    'sluice_log_cleaner_freed_bytes_total',
    'Bytes that compaction freed.',
  );

  readonly #requestSeconds = this.#histogram({
    name: 'kafka_network_requestmetrics_totaltime_seconds',
    help: 'Time from a request to its answer, including the wait of long polls.',
    upperBounds: SECONDS,
    label: 'request',
  });
  readonly #syncSeconds = this.#histogram({
    name: 'kafka_log_logflushstats_logflush_seconds',
    help: 'Time of an fdatasync of a log.',
    upperBounds: SECONDS,
  });
  readonly #batchBytes = this.#histogram({
    name: 'kafka_producer_producermetrics_batch_size_bytes',
    help: 'Size of an appended record batch.',
    upperBounds: BATCH_BYTES,
  });
  readonly #topicSeriesMax: number;

  /** @param topicSeriesMax topics that have a series of their own; all others share one */
  constructor(topicSeriesMax = TOPIC_SERIES_MAX) {
    this.#topicSeriesMax = topicSeriesMax;

    this.#frontSeries = {
      produce: this.#requestSeconds.seriesOf(FRONT_ROUTES.produce),
      fetch: this.#requestSeconds.seriesOf(FRONT_ROUTES.fetch),
      events: this.#requestSeconds.seriesOf(FRONT_ROUTES.events),
      refused: this.#requestSeconds.seriesOf(FRONT_ROUTES.refused),
    };
    this.#addSeries(BROKER_SERIES, () => this.#broker);
    this.#addStateGauges();
    this.#addSeries(KEPT_STATE_SERIES, () => this.#broker);
    this.#addSeries(HTTP_SERIES, () => this.#sources?.http());
    this.#addSeries(PEER_SERIES, () => this.#peers?.());
    this.#addSeries(DELIVERY_SERIES, () => this.#sources?.delivery());
    this.#addSeries(SOCKET_SERIES, () => this.#sources?.sockets());
    this.#addTopicGauge();
    this.#addStoreFaultGauge();
    this.#registry.registerMetric(boundRefusalsCounter());
    collectDefaultMetrics({ register: this.#registry });
  }

  /** Called once, when the sources exist. */
  watch(sources: MetricSources): void {
    this.#sources = sources;
  }

  /** Called once in cluster mode. */
  watchPeers(status: () => PeerNetworkStatus): void {
    this.#peers = status;
  }

  /** Renders the text of /metrics. */
  async render(): Promise<string> {
    this.#broker = await this.#sources?.broker();
    const text = await this.#registry.metrics();
    return `${text}\n${this.#histograms.map((histogram) => histogram.render()).join('\n')}`;
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
    const hot = this.#histograms.map(
      ({ name, help }): MetricDescription => ({ name, type: 'histogram', help }),
    );
    return [...plain, ...hot].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Returns the index of a route's latencies; called once per route. */
  routeSeries(route: string): number {
    return this.#requestSeconds.seriesOf(route);
  }

  /** Called when a request of the control plane was answered. */
  controlRequestEnded(series: number, durationMs: number): void {
    this.#requestSeconds.observe(durationMs / 1000, series);
  }

  requestEnded(route: FrontRoute, _status: number, durationMs: number): void {
    this.#requestSeconds.observe(durationMs / 1000, this.#frontSeries[route]);
  }

  recordsSent(records: number, bytes: number): void {
    this.#recordsOut.value += records;
    this.#bytesOut.value += bytes;
  }

  appended(records: number, batchBytes: readonly number[]): void {
    this.#recordsIn.value += records;
    this.#batchesIn.value += batchBytes.length;
    for (const bytes of batchBytes) {
      this.#bytesIn.value += bytes;
      this.#batchBytes.observe(bytes);
    }
  }

  synced(durationMs: number): void {
    this.#syncSeconds.observe(durationMs / 1000);
  }

  storageFailed(): void {
    this.#storageFailures.value += 1;
  }

  damaged(): void {
    this.#damages.value += 1;
  }

  cut(_topicPartition: unknown, bytes: number): void {
    this.#cutBytes.value += bytes;
  }

  repaired(_topicPartition: unknown, bytes: number): void {
    this.#repairedBytes.value += bytes;
  }

  deleted(_segments: number, bytes: number): void {
    this.#deletedBytes.value += bytes;
  }

  cleaned(_segments: number, bytesBefore: number, bytesAfter: number): void {
    this.#cleanedBytes.value += bytesBefore - bytesAfter;
  }

  scrubbed(bytes: number): void {
    this.#scrubbedBytes.value += bytes;
  }

  scrubPassEnded(): void {
    this.#scrubPasses.value += 1;
  }

  readFromDisk(bytes: number): void {
    this.#diskReadBytes.value += bytes;
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

  #counter(name: string, help: string): Count {
    const count: Count = { value: 0 };
    this.#readCounter(name, help, () => count.value);
    return count;
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

  #histogram(options: HotHistogramOptions): HotHistogram {
    const histogram = new HotHistogram(options);
    this.#histograms.push(histogram);
    return histogram;
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
