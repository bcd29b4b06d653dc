import type { Position } from '../received-record.js';
import type { Deferred } from '../waiting.js';
import type { ProgressTable, RunBuffer } from './record-runs.js';

/** The state of a subscription, which its source fills. */
export interface SourceState {
  readonly progress: ProgressTable;
  readonly buffer: RunBuffer;
  /** Resolved with the positions at which the subscription begins. */
  readonly ready: Deferred<readonly Position[]>;
  /** Ends the subscription with an error. */
  fail(error: unknown): void;
}

/** The transport of a subscription. It begins when it is made. */
export interface RecordSource {
  /** The program has read records: there is room for others. */
  read(): void;
  close(): Promise<void>;
}
