import { Accumulator } from './accumulator.js';
import { attempt } from './attempt.js';
import { BrokerLanes } from './broker-lanes.js';
import { Deadlines } from './deadlines.js';
import type { PendingRecord } from './pending-record.js';
import type {
  BrokerKey,
  CreateError,
  ProduceFailure,
  ProduceTransport,
} from './produce-transport.js';
import { ProducerIdentities } from './producer-identities.js';
import type { ProducerMetrics } from './producer-metrics.js';
import type { ProducerRuntime } from './producer-runtime.js';
import type { ProducerSettings } from './producer-settings.js';

/** Batches that are sent as one when a partition had to wait for a request to end. */
const LATE_BATCHES = 8;

/** The parts of a producer that do not wait for its pipeline. */
export interface SenderParts {
  readonly settings: ProducerSettings;
  readonly runtime: ProducerRuntime;
  /** Milliseconds on the greater of wall and monotonic clock. */
  readonly clock: { monotonicMs(): number };
  readonly metrics: ProducerMetrics;
}

/** The parts of a producer that all its partitions share. */
export interface SenderContext extends SenderParts {
  readonly transport: ProduceTransport;
  readonly accumulator: Accumulator<PendingRecord>;
  readonly deadlines: Deadlines<PendingRecord>;
  readonly lanes: BrokerLanes;
  /** Undefined: the producer is not idempotent. */
  readonly identities: ProducerIdentities | undefined;
  readonly createError: CreateError;
  /** Returns an error of the contract as it is, any other value as one with unknown outcome. */
  readonly failureOf: (thrown: unknown) => ProduceFailure;
  /** Makes a call that ends after `request.timeout.ms`, or when the producer is closed. */
  readonly call: <T>(request: (signal: AbortSignal) => Promise<T>) => Promise<T>;
  /** Aborts the calls in progress. */
  readonly abandonCalls: () => void;
}

/** The topic of a sender. */
export interface SenderTopic {
  readonly name: string;
  /** True when the metadata is so old that it should be loaded again. */
  readonly isStale: boolean;
  /** The leader as the newest metadata has it; null when there is none. */
  leaderOf(partition: number): BrokerKey | null;
  /** Loads the metadata again, in the background. */
  refresh(): void;
}

export function createSenderContext(
  transport: ProduceTransport,
  { settings, runtime, clock, metrics }: SenderParts,
): SenderContext {
  const { createError, timers } = runtime;
  const { batchSize, lingerMs, maxRequestSize, requestTimeoutMs } = settings;
  const calls = new Set<() => void>();
  const timedOut = (): ProduceFailure =>
    createError('REQUEST_TIMED_OUT', `No answer came within ${requestTimeoutMs} ms.`, {
      retriable: true,
      outcome: 'unknown',
    });
  const call = async <T>(request: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const { result, abandon } = attempt(request, { timers, timeoutMs: requestTimeoutMs, timedOut });
    calls.add(abandon);
    try {
      return await result;
    } finally {
      calls.delete(abandon);
    }
  };
  return {
    settings,
    transport,
    runtime,
    clock,
    deadlines: new Deadlines(clock, timers, (entry) => entry.sender.expire(entry)),
    accumulator: new Accumulator({
      drainBytesMax: batchSize,
      lateDrainBytesMax: Math.max(batchSize, Math.min(batchSize * LATE_BATCHES, maxRequestSize)),
      batchSizeBytes: batchSize,
      lingerMs,
      timers,
    }),
    lanes: new BrokerLanes(settings.maxInFlightRequestsPerConnection),
    identities: settings.enableIdempotence
      ? new ProducerIdentities(() => call((signal) => transport.createProducerId(signal)))
      : undefined,
    metrics,
    createError,
    failureOf: (thrown) => failureOf(thrown, createError),
    call,
    abandonCalls: () => {
      for (const abandon of calls) abandon();
    },
  };
}

function failureOf(thrown: unknown, createError: CreateError): ProduceFailure {
  const failure = thrown as Partial<ProduceFailure> | null | undefined;
  if (typeof failure?.code === 'string' && typeof failure.outcome === 'string') {
    return failure as ProduceFailure;
  }
  const detail = thrown instanceof Error ? thrown.message : String(thrown);
  return createError('UNKNOWN_SERVER_ERROR', `The transport failed: ${detail}.`, {
    retriable: true,
    outcome: 'unknown',
    cause: thrown,
  });
}
