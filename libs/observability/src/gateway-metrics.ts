/**
 * All metrics of /metrics, under Kafka's names where Kafka has one (its MBean in lower case, as
 * Kafka's own Prometheus exporters write it). docs/reference/metrics.md is generated from them.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { BrokerStatus, GroupLags, PartitionStatus } from '#broker';
import type { DeliveryStatus, MembershipStatus } from '#delivery';
import type { PeerNetworkStatus } from '#peer-rpc';
import { type EventLoopDelays, inSlices, SerialQueue, type SlicedWork, turnOfLoop } from '#runtime';
import type { Access, EdgeStatus, SecurityStatus } from '#security';
import { boundRefusalsCounter } from './bound-refusals-counter.js';
import type { GatewayCounts } from './gateway-counts.js';
import { GROUP_LAG_SERIES, groupLagGauge } from './group-lag-gauge.js';
import { labelledMetric } from './labelled-metrics.js';
import { type LongGauge, metricsInSlices } from './metrics-in-slices.js';
import { BROKER_SERIES } from './series/broker-series.js';
import { CLUSTER_SERIES } from './series/cluster-series.js';
import { DELIVERY_SERIES } from './series/delivery-series.js';
import { EDGE_SERIES, LABELLED_EDGE_SERIES } from './series/edge-series.js';
import { EVENT_LOOP_SERIES } from './series/event-loop-series.js';
import { HTTP_SERIES, type HttpStatus } from './series/http-series.js';
import { KEPT_STATE_SERIES } from './series/kept-state-series.js';
import { MEMBERSHIP_SERIES } from './series/membership-series.js';
import { PEER_SERIES } from './series/peer-series.js';
import { SECURITY_SERIES } from './series/security-series.js';
import { SOCKET_SERIES } from './series/socket-series.js';
import type { StatusSeries } from './series/status-series.js';
import { STORAGE_SERIES } from './series/storage-series.js';
import { TLS_CONNECTION_SERIES, TLS_FILE_SERIES, type TlsStatus } from './series/tls-series.js';
import type { SocketStatus } from './socket-status.js';

/** Topics that have a series of their own, by default. */
const TOPIC_SERIES_MAX = 500;
/** Label of the series that all other topics share; no topic can have this name. */
const OTHER_TOPICS = '(others)';
/** Gauge of prom-client, on systems where it can count descriptors. */
const OPEN_DESCRIPTORS = 'process_open_fds';
/**
 * Interval at which prom-client samples the delay of the event loop: the longest that a timer can
 * have, 24 days. prom-client cannot be asked for its other metrics alone, and its own interval of
 * 10 ms wakes an idle process 100 times a second. Our samples replace its own.
 */
const NO_SAMPLES_MS = 2 ** 31 - 1;

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
  /** Undefined if the system does not say how many descriptors the process has open. */
  openDescriptors(): Promise<number | undefined>;
  /** Delays of the event loop since the last call. */
  eventLoop(): Promise<EventLoopDelays>;
}

/** The state that one scrape shows. It is read together, because rendering takes many turns. */
interface ScrapedState {
  readonly broker: BrokerStatus;
  /** Bytes of the topics that the caller may describe. */
  readonly topicBytes: ReadonlyMap<string, number>;
  /** Lags of the groups that the caller may describe. */
  readonly groupLags: GroupLags;
  readonly openDescriptors: number | undefined;
  readonly eventLoop: EventLoopDelays;
  readonly http: HttpStatus;
  readonly delivery: DeliveryStatus;
  readonly memberships: MembershipStatus;
  readonly sockets: SocketStatus;
  readonly peers: PeerNetworkStatus | undefined;
  readonly tls: TlsStatus | undefined;
  readonly security: SecurityStatus | undefined;
  readonly edge: EdgeStatus | undefined;
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
  readonly #longGauges: LongGauge[] = [];
  /** Undefined before the first scrape. */
  #scraped: ScrapedState | undefined;
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
    this.#addSeries(BROKER_SERIES, ({ broker }) => broker);
    this.#addSeries(STORAGE_SERIES, ({ broker }) => broker);
    this.#addSeries(CLUSTER_SERIES, ({ broker }) => broker.cluster);
    this.#addSeries(KEPT_STATE_SERIES, ({ broker }) => broker);
    this.#addSeries(HTTP_SERIES, ({ http }) => http);
    this.#addSeries(TLS_CONNECTION_SERIES, ({ http }) => http);
    this.#addSeries(TLS_FILE_SERIES, ({ tls }) => tls);
    this.#addSeries(SECURITY_SERIES, ({ security }) => security);
    this.#addSeries(EDGE_SERIES, ({ edge }) => edge);
    for (const series of LABELLED_EDGE_SERIES) {
      this.#registry.registerMetric(labelledMetric(series, () => this.#scraped?.edge));
    }
    this.#addSeries(PEER_SERIES, ({ peers }) => peers);
    this.#addSeries(DELIVERY_SERIES, ({ delivery }) => delivery);
    this.#addSeries(MEMBERSHIP_SERIES, ({ memberships }) => memberships);
    this.#addSeries(SOCKET_SERIES, ({ sockets }) => sockets);
    this.#addLongGauge(topicBytesGauge(() => this.#scraped?.topicBytes ?? new Map()));
    this.#addLongGauge(groupLagGauge(() => this.#scraped?.groupLags.lags ?? []));
    this.#addSeries(GROUP_LAG_SERIES, ({ groupLags }) => groupLags);
    this.#addStoreFaultGauge();
    this.#registry.registerMetric(
      boundRefusalsCounter(() => this.#scraped?.http.boundRefusals ?? new Map()),
    );
    this.#addDefaultMetrics();
  }

  /** Renders the text of /metrics for a caller. */
  render(caller: Pick<Access, 'may'>): Promise<string> {
    return this.#scrapes.run(() => this.#render(caller));
  }

  async #render(caller: Pick<Access, 'may'>): Promise<string> {
    this.#scraped = await this.#scrape(caller);
    const pieces = [await metricsInSlices(this.#registry, this.#longGauges)];
    for (const histogram of this.#counts.histograms) {
      pieces.push(histogram.render());
      await turnOfLoop();
    }
    return pieces.join('\n');
  }

  async #scrape(caller: Pick<Access, 'may'>): Promise<ScrapedState> {
    const sources = this.#sources;
    const openDescriptors = await sources.openDescriptors();
    const eventLoop = await sources.eventLoop();
    const { lags, leftOut } = await sources.groupLags();
    const shownLags = await inSlices(lagsShownTo(caller, lags));
    const broker = await sources.broker();
    const topicBytes = await inSlices(
      bytesByTopic(broker.partitions, this.#topicSeriesMax, caller),
    );
    return {
      broker,
      topicBytes,
      groupLags: { lags: shownLags, leftOut },
      openDescriptors,
      eventLoop,
      http: sources.http(),
      delivery: sources.delivery(),
      memberships: sources.memberships(),
      sockets: sources.sockets(),
      peers: sources.peers(),
      tls: sources.tls(),
      security: sources.security(),
      edge: sources.edge(),
    };
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

  #addSeries<Status>(
    series: readonly StatusSeries<Status>[],
    statusOf: (scraped: ScrapedState) => Status | undefined,
  ): void {
    for (const { name, type, help, read } of series) {
      const value = (): number => {
        const status = this.#scraped && statusOf(this.#scraped);
        return status === undefined ? 0 : read(status);
      };
      if (type === 'gauge') this.#gauge(name, help, value);
      else this.#readCounter(name, help, value);
    }
  }

  #addLongGauge(long: LongGauge): void {
    this.#registry.registerMetric(long.gauge);
    this.#longGauges.push(long);
  }

  #addStoreFaultGauge(): void {
    const fault = () => this.#scraped?.broker.cluster?.storeFault;
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

  #addDefaultMetrics(): void {
    collectDefaultMetrics({
      register: this.#registry,
      eventLoopMonitoringPrecision: NO_SAMPLES_MS,
    });
    for (const { name } of EVENT_LOOP_SERIES) this.#registry.removeSingleMetric(name);
    this.#addSeries(EVENT_LOOP_SERIES, ({ eventLoop }) => eventLoop);
    this.#replaceDescriptorGauge();
  }

  /**
   * prom-client lists the directory of descriptors in one go, which stops the event loop for
   * milliseconds when thousands of segments are open.
   */
  #replaceDescriptorGauge(): void {
    const replaced = this.#registry.getSingleMetric(OPEN_DESCRIPTORS);
    if (replaced === undefined) return;
    const { help } = replaced as unknown as { readonly help: string };
    this.#registry.removeSingleMetric(OPEN_DESCRIPTORS);
    this.#gauge(OPEN_DESCRIPTORS, help, () => this.#scraped?.openDescriptors ?? 0);
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

function topicBytesGauge(bytes: () => ReadonlyMap<string, number>): LongGauge {
  const name = 'kafka_log_log_size_bytes';
  const gauge = new Gauge({
    name,
    help: "Size on disk of a topic's partitions; topics beyond SLUICE_METRICS_TOPICS_MAX share one series.",
    labelNames: ['topic'],
    registers: [],
  });
  return {
    name,
    gauge,
    *series() {
      for (const [topic, size] of bytes()) yield [{ topic }, size];
    },
  };
}

/** Partitions, or lags of groups, that are looked at in one slice. */
const ITEMS_PER_SLICE = 500;

/** Sums the sizes of the topics that the caller may describe, in the order of the partitions. */
function* bytesByTopic(
  partitions: readonly PartitionStatus[],
  topicSeriesMax: number,
  caller: Pick<Access, 'may'>,
): SlicedWork<ReadonlyMap<string, number>> {
  const bytes = new Map<string, number>();
  for (const [index, { topic, sizeBytes }] of partitions.entries()) {
    if (index % ITEMS_PER_SLICE === ITEMS_PER_SLICE - 1) yield;
    if (!mayDescribe(caller, 'topic', topic)) continue;
    const series = bytes.has(topic) || bytes.size < topicSeriesMax ? topic : OTHER_TOPICS;
    bytes.set(series, (bytes.get(series) ?? 0) + (sizeBytes ?? 0));
  }
  return bytes;
}

/** Lags of the groups that the caller may describe, on topics that it may describe. */
function* lagsShownTo(
  caller: Pick<Access, 'may'>,
  lags: GroupLags['lags'],
): SlicedWork<GroupLags['lags']> {
  const shown: GroupLags['lags'][number][] = [];
  for (const [index, lag] of lags.entries()) {
    if (index % ITEMS_PER_SLICE === ITEMS_PER_SLICE - 1) yield;
    const { group, topic } = lag;
    if (mayDescribe(caller, 'group', group) && mayDescribe(caller, 'topic', topic)) shown.push(lag);
  }
  return shown;
}

function mayDescribe(caller: Pick<Access, 'may'>, type: 'topic' | 'group', name: string): boolean {
  return caller.may('Describe', { type, name });
}
