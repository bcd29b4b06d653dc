import { Writable } from 'node:stream';
import { isatty } from 'node:tty';
import type { LoggerService } from '@nestjs/common';
import {
  type LoggerOptions,
  type Logger as Pino,
  pino,
  type SerializedError,
  stdSerializers,
} from 'pino';
import pretty from 'pino-pretty';
import type { Settings } from '../config/settings.js';
import { LineWriter } from './line-writer.js';
import { withSourceLines } from './source-lines.js';

const STANDARD_ERROR = 2;

export type ProcessLogger = Pino;

/**
 * The process's logger. Lines go to standard error, so that standard output has only the banner.
 * A file that cannot take them, because its disk is full, does not stop the broker (`LineWriter`).
 */
export function openLogger(settings: Pick<Settings, 'logLevel' | 'logFormat'>): ProcessLogger {
  const isPretty =
    settings.logFormat === 'pretty' || (settings.logFormat === 'auto' && isatty(STANDARD_ERROR));
  const options = {
    level: settings.logLevel,
    base: { pid: process.pid },
    serializers: LOG_SERIALIZERS,
  };
  const lines = new LineWriter({
    descriptor: STANDARD_ERROR,
    failed: () => undefined,
    recovered: (lostLines) => logger.warn({ lostLines }, 'the log can be written again'),
  });
  const logger = isPretty ? prettyLogger(options, lines) : jsonLogger(options, lines);
  return logger;
}

function jsonLogger(options: LoggerOptions, lines: LineWriter): ProcessLogger {
  return pino(
    {
      ...options,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label: string) => ({ level: label }) },
    },
    lines,
  );
}

function prettyLogger(options: LoggerOptions, lines: LineWriter): ProcessLogger {
  const destination = new Writable({
    decodeStrings: false,
    write: (line: string, _encoding, done) => {
      lines.write(line);
      done();
    },
  });
  return pino(options, pretty({ destination, sync: true, ignore: 'pid' }));
}

/**
 * Serializers of a line's fields. An error is always logged under `err`, pino's own name for it:
 * `LogFields` has no other.
 */
export const LOG_SERIALIZERS = { err: serializedError } as const;

/** Returns an error with its causes and its stack, whose frames name source files. */
function serializedError(error: Error): unknown {
  const serialized: unknown = stdSerializers.err(error);
  return error instanceof Error ? withNamedSources(serialized as SerializedError) : serialized;
}

/** Names the source files in the stacks of an error and of the errors that it contains. */
function withNamedSources({ stack, ...members }: SerializedError): object {
  const gathered = members.aggregateErrors;
  return {
    ...members,
    ...(stack === undefined ? {} : { stack: withSourceLines(stack) }),
    ...(gathered === undefined ? {} : { aggregateErrors: gathered.map(withNamedSources) }),
  };
}

/** Passes Nest's own lines to pino. Its start-up messages are debug, not info. */
export class NestLogger implements LoggerService {
  readonly #logger: ProcessLogger;

  constructor(logger: ProcessLogger) {
    this.#logger = logger;
  }

  log(message: unknown, ...context: unknown[]): void {
    this.#logger.debug({ context: context.at(-1) }, String(message));
  }

  warn(message: unknown, ...context: unknown[]): void {
    this.#logger.warn({ context: context.at(-1) }, String(message));
  }

  error(message: unknown, ...context: unknown[]): void {
    // Nest logs a failed start and then throws the same error; the caller of the start logs it.
    if (context.at(-1) === 'ExceptionHandler') return;
    this.#logger.error({ ...errorField(message), context: context.at(-1) }, String(message));
  }

  fatal(message: unknown, ...context: unknown[]): void {
    this.#logger.fatal({ ...errorField(message), context: context.at(-1) }, String(message));
  }
}

/** Nest may pass the error itself as the message. */
function errorField(message: unknown): { readonly err?: Error } {
  return message instanceof Error ? { err: message } : {};
}
