import type { RecordBatch } from './pending-record.js';

/** Counters of a producer since its creation, and the records that it holds now. */
export interface ProducerMetricsSnapshot {
  /** Records that are neither written nor failed. */
  readonly recordsBuffered: number;
  /** Bytes of `bufferMemory` that are not in use. */
  readonly bufferAvailableBytes: number;
  /** Records among them that wait for metadata, buffer memory or an earlier record. */
  readonly recordsWaiting: number;
  /** Requests that no broker has answered. */
  readonly requestsInFlight: number;
  /** Requests since the creation, retries included. */
  readonly requests: number;
  readonly recordsWritten: number;
  /** Records that were sent again, counted once per retry. */
  readonly recordsRetried: number;
  readonly recordsFailed: number;
  /** Batches that were too large for their topic and sent in halves. */
  readonly batchesSplit: number;
  /** Errors that interceptors and callbacks threw. */
  readonly userErrors: number;
  /** Size of written batches, in bytes; null before the first one. */
  readonly batchSizeBytesAvg: number | null;
  readonly batchSizeBytesMax: number | null;
  /** Records of a written batch. */
  readonly recordsPerBatchAvg: number | null;
  /** Time from the buffer to the answer of written records, ms; null before the first one. */
  readonly latencyMsAvg: number | null;
  readonly latencyMsMax: number | null;
}

/** Counters of a producer. */
export class ProducerMetrics {
  requests = 0;
  recordsRetried = 0;
  recordsFailed = 0;
  batchesSplit = 0;
  userErrors = 0;
  #recordsWritten = 0;
  #batches = 0;
  #bytes = 0;
  #bytesMax = 0;
  #latencyMs = 0;
  #latencyMsMax = 0;

  /** Counts a written batch. @param nowMs time of the answer */
  written({ entries, sizeBytes }: RecordBatch, nowMs: number): void {
    this.#batches += 1;
    this.#bytes += sizeBytes;
    this.#bytesMax = Math.max(this.#bytesMax, sizeBytes);
    this.#recordsWritten += entries.length;
    for (const { deadlineMs, timeoutMs } of entries) {
      const latencyMs = nowMs - (deadlineMs - timeoutMs);
      this.#latencyMs += latencyMs;
      this.#latencyMsMax = Math.max(this.#latencyMsMax, latencyMs);
    }
  }

  snapshot(now: Pick<ProducerMetricsSnapshot, GaugeName>): ProducerMetricsSnapshot {
    const { requests, recordsRetried, recordsFailed, batchesSplit, userErrors } = this;
    const per = (sum: number, count: number): number | null => (count === 0 ? null : sum / count);
    const greatest = (max: number): number | null => (this.#batches === 0 ? null : max);
    return {
      ...now,
      requests,
      recordsWritten: this.#recordsWritten,
      recordsRetried,
      recordsFailed,
      batchesSplit,
      userErrors,
      batchSizeBytesAvg: per(this.#bytes, this.#batches),
      batchSizeBytesMax: greatest(this.#bytesMax),
      recordsPerBatchAvg: per(this.#recordsWritten, this.#batches),
      latencyMsAvg: per(this.#latencyMs, this.#recordsWritten),
      latencyMsMax: greatest(this.#latencyMsMax),
    };
  }
}

type GaugeName = 'recordsBuffered' | 'bufferAvailableBytes' | 'recordsWaiting' | 'requestsInFlight';
