import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { KEPT_BYTES_MAX, LineWriter } from './line-writer.js';

/** A pipe whose two ends are one descriptor, so that a test can fill it and empty it. */
class TestPipe {
  readonly descriptor: number;
  readonly #chunk = Buffer.alloc(64 * 1024);

  constructor() {
    const directory = mkdtempSync(join(tmpdir(), 'sluice-lines-'));
    const path = join(directory, 'pipe');
    execFileSync('mkfifo', [path]);
    this.descriptor = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    onTestFinished(() => {
      closeSync(this.descriptor);
      rmSync(directory, { recursive: true });
    });
  }

  /** Takes all bytes out of the pipe. */
  read(): string {
    let text = '';
    for (;;) {
      try {
        const length = readSync(this.descriptor, this.#chunk);
        text += this.#chunk.toString('utf8', 0, length);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return text;
        throw error;
      }
    }
  }
}

/** A writer to a descriptor, with what it reported, in order. */
function openWriter(descriptor: number): { writer: LineWriter; reports: (string | number)[] } {
  const reports: (string | number)[] = [];
  const writer = new LineWriter({
    descriptor,
    failed: ({ code }) => reports.push(code ?? 'no code'),
    recovered: (lostLines) => reports.push(lostLines),
  });
  return { writer, reports };
}

const numbered = (number: number): string => `line ${number} ${'x'.repeat(1000)}\n`;

function expectLines(text: string, from: number, to: number): void {
  let expected = '';
  for (let number = from; number < to; number += 1) expected += numbered(number);
  expect(text === expected).toBe(true);
}

describe.skipIf(process.platform !== 'linux')('a writer of lines', () => {
  test('keeps what a full pipe does not take, and writes it in order before the next line', () => {
    const pipe = new TestPipe();
    const { writer, reports } = openWriter(pipe.descriptor);
    for (let number = 0; number < 100; number += 1) writer.write(numbered(number));
    expect(reports).toEqual(['EAGAIN']);
    let text = pipe.read();
    writer.write(numbered(100));
    text += pipe.read();
    expectLines(text, 0, 101);
    expect(reports).toEqual(['EAGAIN', 0]);
    expect(writer.lostTotal).toBe(0);
  });

  test('loses lines beyond its bound, counts them, and writes again when there is space', () => {
    const pipe = new TestPipe();
    const { writer, reports } = openWriter(pipe.descriptor);
    for (let number = 0; number < 1000; number += 1) writer.write(numbered(number));
    const lost = writer.lostTotal;
    const written = 1000 - lost;
    expect(lost).toBeGreaterThan(0);
    expect(written * numbered(100).length).toBeGreaterThan(KEPT_BYTES_MAX);
    let text = '';
    for (let part = pipe.read(); part !== ''; part = pipe.read()) {
      text += part;
      if (reports.length === 1) writer.write('');
    }
    expectLines(text, 0, written);
    expect(reports).toEqual(['EAGAIN', lost]);

    writer.write(numbered(written));
    expectLines(pipe.read(), written, written + 1);
    expect(writer.lostTotal).toBe(lost);
  });

  test('reports one failure for each period in which it cannot write', () => {
    const descriptor = openSync('/dev/full', 'w');
    onTestFinished(() => closeSync(descriptor));
    const { writer, reports } = openWriter(descriptor);
    for (let number = 0; number < 10; number += 1) writer.write(numbered(number));
    expect(reports).toEqual(['ENOSPC']);
  });
});
