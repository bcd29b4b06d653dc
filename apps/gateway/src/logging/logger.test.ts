import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterAll, expect, test } from 'vitest';
import { ClientErrors } from '#http-front';
import { ProtocolError } from '#protocol';
import { LOG_SERIALIZERS, NestLogger, type ProcessLogger } from './logger.js';

const directory = mkdtempSync(join(tmpdir(), 'sluice-logger-'));
const bundle = join(directory, 'gateway.cjs');
const table = [{ file: 'libs/log/src/log.ts', from: 10, lines: [70, 71] }];
writeFileSync(`${bundle}.lines`, JSON.stringify(table));

afterAll(() => rmSync(directory, { recursive: true }));

/** An error that was thrown in line 10 of the bundle, which is line 70 of its source. */
function bundledError(message: string, line = 10): Error {
  const error = new Error(message);
  error.stack = `Error: ${message}\n    at append (${bundle}:${line}:3)`;
  return error;
}

/** The lines that a logger writes, as objects. */
function logged(write: (logger: ProcessLogger) => void): Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = [];
  const memory = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()) as Record<string, unknown>);
      done();
    },
  });
  write(pino({ serializers: LOG_SERIALIZERS }, memory));
  return lines;
}

test('the stack of an unexpected error of a request names source lines', () => {
  const lines = logged((logger) => new ClientErrors(logger).toProtocolError(bundledError('torn')));
  expect(lines).toMatchObject([
    { msg: 'a request met an unexpected error', err: { message: 'torn' } },
  ]);
  expect(JSON.stringify(lines)).toContain('at append (libs/log/src/log.ts:70)');
});

test('the cause of a server error is logged with its stack', () => {
  const cause = bundledError('disk', 11);
  const error = new ProtocolError('KAFKA_STORAGE_ERROR', 'A write failed.', { cause });
  const text = JSON.stringify(logged((logger) => new ClientErrors(logger).toProtocolError(error)));
  expect(text).toContain('caused by: Error: disk');
  expect(text).toContain('at append (libs/log/src/log.ts:71)');
});

test('the errors of an AggregateError are logged with their stacks', () => {
  const gathering = new AggregateError([bundledError('first')], 'all failed');
  const text = JSON.stringify(logged((logger) => logger.error({ err: gathering }, 'no address')));
  expect(text).toContain('at append (libs/log/src/log.ts:70)');
});

test.each(['error', 'fatal'] as const)('an error that Nest logs as %s keeps its stack', (level) => {
  const lines = logged((logger) => new NestLogger(logger)[level](bundledError('nest'), 'Context'));
  expect(lines).toMatchObject([{ context: 'Context', err: { message: 'nest' } }]);
  expect(JSON.stringify(lines)).toContain('log.ts:70');
});

test('a thrown value that is not an error is logged unchanged', () => {
  const lines = logged((logger) => new ClientErrors(logger).toProtocolError('a text'));
  expect(lines).toMatchObject([{ err: 'a text' }]);
});
