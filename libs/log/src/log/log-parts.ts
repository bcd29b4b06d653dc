import type { LogReader } from './log-reader.js';
import type { LogEnvironment, LogState } from './log-state.js';
import type { LogWriter } from './log-writer.js';

/** The collaborators of a part of a log that changes its records. */
export interface LogParts {
  readonly state: LogState;
  readonly environment: LogEnvironment;
  readonly writer: LogWriter;
  readonly reader: LogReader;
}
