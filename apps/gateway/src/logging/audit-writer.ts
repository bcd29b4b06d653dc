import { pino } from 'pino';
import type { Logger } from '#runtime';
import type { AuditWriter } from '#security';

const STANDARD_ERROR = 2;
/** Bytes of lines that are kept while they cannot be written; further lines are lost. */
const KEPT_BYTES_MAX = 256 * 1024;

/**
 * Opens the writer of the audit log: one JSON object per line, with the time and `"log": "audit"`.
 * The lines are written synchronously, because the last one before a crash matters most, and a file
 * is only appended to, so that it may be truncated while it is in use. Lines that cannot be written
 * are kept and written before the next one, up to a bound: a full disk does not stop the broker.
 * @param file undefined for standard error
 * @throws Error if the file cannot be opened
 */
export function openAuditWriter(file: string | undefined, logger: Logger): AuditWriter {
  const destination = pino.destination({
    dest: file ?? STANDARD_ERROR,
    sync: true,
    append: true,
    mode: 0o600,
    maxLength: KEPT_BYTES_MAX,
  });
  let lostTotal = 0;
  let lastFault = '';
  // Without a listener an error would end the process.
  destination.on('error', (error: Error) => {
    if (error.message === lastFault) return;
    lastFault = error.message;
    logger.error({ reason: error.message }, 'the audit log cannot be written');
  });
  destination.on('drop', () => {
    lostTotal += 1;
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
      return lostTotal;
    },
    write: (line) => {
      lines.info(line);
    },
  };
}
