import type { Endpoints } from '../connection/endpoints.js';
import { type HttpCaller, segment } from '../connection/http-caller.js';
import type { Position, RecordFormat, RecordJson } from '../received-record.js';

const WAIT_MS = 15_000;

/** The answer to a fetch. */
export interface FetchJson {
  readonly records: readonly RecordJson[];
  readonly nextOffset: number;
  readonly highWatermark: number;
  readonly leaderEpoch: number;
}

export interface PartitionFetches {
  readonly caller: HttpCaller;
  readonly endpoints: Endpoints;
  readonly format: RecordFormat | undefined;
  readonly signal: AbortSignal;
  readonly onRecords: (fetched: FetchJson) => void;
  /** Resolves when there is room for records. */
  readonly room: () => Promise<void>;
}

/**
 * Reads a partition with long polls from a position on, until the signal is aborted. It repeats
 * calls whose failure may pass.
 * @throws SluiceError an error that does not pass
 */
export async function fetchPartition(
  { topic, partition, offset: first }: Position,
  { caller, endpoints, format, signal, onRecords, room }: PartitionFetches,
): Promise<void> {
  let offset = first;
  const fetch = (): Promise<FetchJson> =>
    caller.json<FetchJson>({
      method: 'GET',
      path: `/v1/topics/${segment(topic)}/partitions/${partition}/records`,
      query: { offset, waitMs: WAIT_MS, format },
      signal,
      timeoutMs: WAIT_MS + endpoints.options.requestTimeoutMs,
    });
  try {
    while (!signal.aborted) {
      const fetched = await endpoints.again(fetch, signal);
      if (signal.aborted) return;
      offset = fetched.nextOffset;
      if (fetched.records.length > 0) onRecords(fetched);
      await room();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
