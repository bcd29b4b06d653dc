import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { RecordingLogger } from '#runtime/testing';
import type { AuditLine } from '#security';
import { openAuditWriter } from './audit-writer.js';

const LINE: AuditLine = {
  principal: 'key:k1',
  credential: 'key k1',
  address: '192.0.2.7',
  operation: 'DELETE /v1/topics/{topic}',
  resources: ['topic:orders'],
  result: 'done',
  status: 200,
};

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'sluice-audit-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

test('a line is on disk when it is written, and only its owner may read it', () => {
  const path = join(directory(), 'audit.log');
  openAuditWriter(path, new RecordingLogger()).write(LINE);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ log: 'audit', ...LINE });
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test.skipIf(process.platform !== 'linux')(
  'a disk without space loses lines beyond a bound, which are counted, and stops nothing',
  () => {
    const path = join(directory(), 'audit.log');
    symlinkSync('/dev/full', path);
    const logger = new RecordingLogger();
    const writer = openAuditWriter(path, logger);
    writer.write(LINE);
    expect(writer.lostTotal).toBe(0);
    for (let count = 0; count < 2000; count += 1) writer.write(LINE);
    expect(writer.lostTotal).toBeGreaterThan(0);
    expect(writer.lostTotal).toBeLessThan(2000);
    expect(logger.lines.map(({ message }) => message)).toEqual(['the audit log cannot be written']);
    unlinkSync(path);
  },
);
