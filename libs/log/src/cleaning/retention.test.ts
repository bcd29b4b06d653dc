import { describe, expect, it } from 'vitest';
import { BatchUnpacker } from '../compression/compression.js';
import { type RetainedLog, retentionStartOffset } from './retention.js';

const NOW_MS = 1_000_000;
const UNPACKER = new BatchUnpacker();

/** Segments of 10 records each, given as [size in bytes, greatest timestamp, last write]. */
function logOf(
  segments: readonly [number, number, number?][],
  config: Partial<RetainedLog['config']>,
  highWatermark = segments.length * 10,
  deliverAtMs: readonly number[] = [],
): RetainedLog {
  return {
    segments: segments.map(([sizeBytes, maxTimestamp, lastWriteMs], place) => ({
      baseOffset: place * 10,
      sizeBytes,
      maxTimestamp,
      loadIndexes: () => undefined,
      lastWriteMs: () => Promise.resolve(lastWriteMs),
      latestDeliverAtMs: () => Promise.resolve(deliverAtMs[place] ?? -1),
    })),
    config: {
      'cleanup.policy': 'delete',
      'retention.ms': -1,
      'retention.bytes': -1,
      ...config,
    },
    offsets: {
      highWatermark,
      logEnd: (segments.length - 1) * 10 + ((segments.at(-1)?.[0] ?? 0) > 0 ? 10 : 0),
    },
  };
}

describe('retention by time', () => {
  const segments: [number, number][] = [
    [100, 900],
    [100, 950],
    [100, 990],
  ];

  it('removes segments whose youngest record is older than retention.ms', async () => {
    const log = logOf(segments, { 'retention.ms': NOW_MS - 970 });
    expect(await retentionStartOffset(log, NOW_MS, UNPACKER)).toBe(20);
  });

  it('goes by the last write to a segment while a record of it lies in the future', async () => {
    const segmentsInFuture: [number, number, number][] = [
      [100, Number.MAX_SAFE_INTEGER, 900],
      [100, NOW_MS + 1, 950],
      [100, NOW_MS + 1, 990],
    ];
    const log = logOf(segmentsInFuture, { 'retention.ms': NOW_MS - 970 });
    const seen: [number, number][] = [];
    const watched = {
      ...log,
      futureTimestampSeen: (base: number, timestamp: number) => seen.push([base, timestamp]),
    };
    expect(await retentionStartOffset(watched, NOW_MS, UNPACKER)).toBe(20);
    expect(seen[0]).toEqual([0, Number.MAX_SAFE_INTEGER]);
    expect(await retentionStartOffset(watched, NOW_MS + 2, UNPACKER)).toBe(10);
  });

  it('keeps a segment with a record in the future whose last write is not known', async () => {
    const log = logOf([[100, NOW_MS + 1]], { 'retention.ms': 0 });
    expect(await retentionStartOffset(log, NOW_MS, UNPACKER)).toBe(0);
  });

  it('keeps a record that is exactly retention.ms old', async () => {
    const log = logOf(segments, { 'retention.ms': NOW_MS - 950 });
    expect(await retentionStartOffset(log, NOW_MS, UNPACKER)).toBe(10);
  });

  it('reaches the log end when the active segment is old as well', async () => {
    const log = logOf(segments, { 'retention.ms': 0 });
    expect(await retentionStartOffset(log, NOW_MS, UNPACKER)).toBe(30);
  });

  it('keeps an empty active segment', async () => {
    const log = logOf([...segments, [0, -1]], { 'retention.ms': 0 });
    expect(await retentionStartOffset(log, NOW_MS, UNPACKER)).toBe(30);
  });

  it('stops at a young segment, whatever follows it', async () => {
    const log = logOf(
      [
        [100, 900],
        [100, NOW_MS],
        [100, 900],
      ],
      { 'retention.ms': 1000 },
    );
    expect(await retentionStartOffset(log, NOW_MS, UNPACKER)).toBe(10);
  });

  it('keeps what has no timestamp', async () => {
    expect(
      await retentionStartOffset(logOf([[100, -1]], { 'retention.ms': 0 }), NOW_MS, UNPACKER),
    ).toBe(0);
  });
});

describe('retention by size', () => {
  const segments: [number, number][] = [
    [100, 1],
    [50, 1],
    [70, 1],
  ];

  it.each([
    [220, 0],
    [121, 0],
    [120, 10],
    [71, 10],
    [70, 20],
    [0, 30],
    [-1, 0],
  ])('of %i bytes starts the log at %i', async (bytes, startOffset) => {
    const log = logOf(segments, { 'retention.bytes': bytes });
    expect(await retentionStartOffset(log, NOW_MS, UNPACKER)).toBe(startOffset);
  });

  it('keeps a segment with a record that waits for its time of delivery', async () => {
    const log = logOf(segments, { 'retention.bytes': 0 }, 30, [NOW_MS, NOW_MS + 1]);
    expect(await retentionStartOffset(log, NOW_MS, UNPACKER)).toBe(10);
    expect(await retentionStartOffset(log, NOW_MS + 1, UNPACKER)).toBe(30);
  });

  it('does not keep it from retention by time', async () => {
    const config = { 'retention.bytes': 0, 'retention.ms': 1 };
    const log = logOf(segments, config, 30, [NOW_MS + 1]);
    expect(await retentionStartOffset(log, NOW_MS, UNPACKER)).toBe(30);
  });
});

it('never reaches above the high watermark', async () => {
  const log = logOf(
    [
      [100, 1],
      [100, 1],
      [100, 1],
    ],
    { 'retention.bytes': 0 },
    19,
  );
  expect(await retentionStartOffset(log, NOW_MS, UNPACKER)).toBe(10);
});

it('leaves a log alone that is only compacted', async () => {
  const config = { 'cleanup.policy': 'compact', 'retention.bytes': 0 } as const;
  expect(
    await retentionStartOffset(
      logOf(
        [
          [100, 1],
          [100, 1],
        ],
        config,
      ),
      NOW_MS,
      UNPACKER,
    ),
  ).toBe(0);
});
