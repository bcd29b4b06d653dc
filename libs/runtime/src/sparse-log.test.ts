import { describe, expect, test } from 'vitest';
import { SparseLog } from './sparse-log.js';
import { RecordingLogger } from './testing/recording-logger.js';

const SILENCE_MS = 10_000;
const KINDS_MAX = 1000;

function openLog() {
  const kept = new RecordingLogger();
  const clock = { nowMs: 5 };
  return { kept, clock, log: new SparseLog(kept, () => clock.nowMs) };
}

describe('SparseLog', () => {
  test('writes one line of a kind in ten seconds and counts the others', () => {
    const { kept, clock, log } = openLog();
    for (let line = 0; line < 4; line += 1) log.warn('a', { line }, 'told');
    clock.nowMs += SILENCE_MS - 1;
    log.warn('a', {}, 'told');
    expect(kept.lines).toEqual([{ level: 'warn', fields: { line: 0 }, message: 'told' }]);
    clock.nowMs += 1;
    log.warn('a', {}, 'told');
    expect(kept.lines[1]).toEqual({ level: 'warn', fields: { suppressed: 4 }, message: 'told' });
  });

  test('distinguishes kinds and keeps the level', () => {
    const { kept, log } = openLog();
    log.warn('a', {}, 'one');
    log.error('b', {}, 'two');
    expect(kept.lines.map(({ level }) => level)).toEqual(['warn', 'error']);
  });

  test('writes a forgotten kind again', () => {
    const { kept, log } = openLog();
    log.warn('a', {}, 'one');
    log.forget('a');
    log.warn('a', {}, 'two');
    expect(kept.lines).toHaveLength(2);
  });

  test('stays bounded if every line has a kind of its own', () => {
    const { kept, clock, log } = openLog();
    for (let kind = 0; kind < 3 * KINDS_MAX; kind += 1) log.warn(`k${kind}`, {}, 'told');
    expect(kept.lines).toHaveLength(KINDS_MAX + 1);
    clock.nowMs += SILENCE_MS;
    log.warn('a new kind', {}, 'told');
    log.warn('a second new kind', {}, 'told');
    expect(kept.lines).toHaveLength(KINDS_MAX + 3);
  });
});
