import { expect, test } from 'vitest';
import { parseArguments } from './arguments.js';

test('a command line without arguments runs the gateway', () => {
  expect(parseArguments([])).toEqual({ kind: 'run', envFiles: [] });
});

test('--env-file names a file in both spellings and may be repeated', () => {
  const command = parseArguments(['--env-file', 'a.env', '--env-file=b.env']);
  expect(command).toEqual({ kind: 'run', envFiles: ['a.env', 'b.env'] });
});

test.each([
  [['--help'], 'help'],
  [['-h'], 'help'],
  [['--version'], 'version'],
  [['-v'], 'version'],
  [['--version', '--help'], 'help'],
  [['--env-file', 'a.env', '--version'], 'version'],
])('%j asks for the %s', (argv, kind) => {
  expect(parseArguments(argv)).toEqual({ kind });
});

test.each([
  [['serve'], 'the argument "serve" is not known'],
  [['--port', '8081'], 'the option "--port" is not known'],
  [['--port=8081'], 'the option "--port" is not known'],
  [['-p'], 'the option "-p" is not known'],
  [['--help', 'me'], 'the argument "me" is not known'],
  [['--', 'x'], 'the argument "x" is not known'],
  [['--help=yes'], '--help takes no value'],
  [['--env-file'], '--env-file needs the name of a file'],
  [['--env-file='], '--env-file needs the name of a file'],
  [['--env-file', '--help'], '--env-file needs the name of a file'],
])('%j is refused', (argv, reason) => {
  expect(parseArguments(argv)).toEqual({ kind: 'refused', reason });
});
