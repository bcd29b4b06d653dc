import { openSync } from 'node:fs';
import { pino } from 'pino';
import type { Logger } from '#runtime';
import type { AuditWriter } from '#security';
import { LineWriter } from './line-writer.js';

const STANDARD_ERROR = 2;

/**
 * Opens the writer of the audit log: one JSON object per line, with the time and `"log": "audit"`.
 * A file is only appended to, so that it may be truncated while it is in use. A full disk does not
 * stop the broker (`LineWriter`).
 * @param file undefined for standard error
 * @throws Error if the file cannot be opened
 */
export function openAuditWriter(file: string | undefined, logger: Logger): AuditWriter {
  const descriptor = file === undefined ? STANDARD_ERROR : openSync(file, 'a', 0o600);
  const destination = new LineWriter({
    descriptor,
    failed: (error) => logger.error({ reason: error.message }, 'the audit log cannot be written'),
    recovered: (lostLines) => logger.warn({ lostLines }, 'the audit log can be written again'),
  });
  const lines = pino(
    {
      base: { log: 'audit' },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  return {
    get lostTotal() {
      return destination.lostTotal;
    },
    write: (line) => {
      lines.info(line);
    },
  };
}
