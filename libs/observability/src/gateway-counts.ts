/**
 * The counts that the parts of the gateway write while they work. A count on a hot path is a plain
 * number; it is rendered as Prometheus' text only on a scrape (gateway-metrics.ts).
 */

import { ALL_OPERATIONS, type DataRoute } from '#api';
import type { FrontRoute, RequestObserver } from '#http-front';
import type { LogObserver } from '#log';
import { HotHistogram, type HotHistogramOptions } from './hot-histogram.js';

const SECONDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];
const BATCH_BYTES = [
  128, 512, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216,
];

/** A counter on a hot path, with its name and help. */
export interface Count {
  readonly name: string;
  readonly help: string;
  value: number;
}

/** Counters and histograms of the hot paths: records, bytes, syncs and the time of requests. */
export class GatewayCounts implements LogObserver, RequestObserver {
  readonly #counters: Count[] = [];
  readonly #histograms: HotHistogram[] = [];
  readonly #frontSeries: Readonly<Record<FrontRoute, number>>;

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
    help: 'Time of an fdatasync of a log, or of a write that ends with one.',
    upperBounds: SECONDS,
  });
  readonly #batchBytes = this.#histogram({
    name: 'kafka_producer_producermetrics_batch_size_bytes',
    help: 'Size of an appended record batch.',
    upperBounds: BATCH_BYTES,
  });

  constructor() {
    this.#frontSeries = {
      produce: this.#requestSeconds.seriesOf(labelOf('produce')),
      fetch: this.#requestSeconds.seriesOf(labelOf('fetch')),
      events: this.#requestSeconds.seriesOf(labelOf('events')),
      poll: this.#requestSeconds.seriesOf(labelOf('poll')),
      // Unknown routes, foreign origins and limits.
      refused: this.#requestSeconds.seriesOf('refused'),
    };
  }

  get counters(): readonly Count[] {
    return this.#counters;
  }

  get histograms(): readonly HotHistogram[] {
    return this.#histograms;
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

  #counter(name: string, help: string): Count {
    const count: Count = { name, help, value: 0 };
    this.#counters.push(count);
    return count;
  }

  #histogram(options: HotHistogramOptions): HotHistogram {
    const histogram = new HotHistogram(options);
    this.#histograms.push(histogram);
    return histogram;
  }
}

/** Returns the label of a hot route: the operation whose headers decide the form of the records. */
function labelOf(handler: DataRoute): string {
  const operation = ALL_OPERATIONS.find(
    ({ route }) => route?.handler === handler && route.form === 'any',
  );
  return `${operation?.method} ${operation?.path}`;
}
