/**
 * Fields of a log line: small values, never record contents. An error is logged as `err`, because
 * pino writes the stack only under this name.
 */
export type LogFields = Readonly<Record<string, unknown>> & { readonly error?: never };

/** The log of the libs; a pino logger has this shape. */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

/** A logger that discards everything, for tests and tools. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
