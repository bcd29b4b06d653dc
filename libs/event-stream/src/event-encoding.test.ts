import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RecordRun } from '#delivery';
import {
  chunkOf,
  contentOf,
  EventEncoder,
  eventText,
  HEARTBEAT,
  positionText,
} from './event-encoding.js';
import type { IdFrame } from './event-id.js';
import { EventSourceParser } from './testing/event-source-parser.js';

const ONE_PARTITION: IdFrame = { before: '0:', after: '', form: 'events 0:*' };

/** Returns a run of records with these JSON texts, at every third offset, as after a compaction. */
function runOf(texts: readonly string[], from = 0): RecordRun {
  let bytes = Buffer.alloc(0);
  const ends: number[] = [];
  for (const text of texts) {
    bytes = Buffer.concat([bytes, Buffer.from(`,${text}`)]);
    ends.push(bytes.length);
  }
  const offsets = texts.map((_, index) => from + 3 * index);
  const source = { topic: 't', partition: 0, highWatermark: 0, leaderEpoch: 0 };
  return RecordRun.of(source, from, from + 3 * texts.length, { bytes, offsets, ends });
}

/** Returns the content of one whole HTTP chunk (RFC 9112, section 7.1). */
function unchunked(chunk: Buffer): Buffer {
  const text = chunk.toString('latin1');
  const [head = ''] = text.split('\r\n', 1);
  expect(head).toMatch(/^[0-9a-f]+$/);
  const start = head.length + 2;
  const end = start + Number.parseInt(head, 16);
  expect(text.slice(end)).toBe('\r\n');
  return chunk.subarray(start, end);
}

function parsed(...pieces: readonly Uint8Array[]): EventSourceParser {
  const parser = new EventSourceParser();
  for (const piece of pieces) parser.feed(piece);
  return parser;
}

/** Generates JSON with line breaks of every kind in its white space. */
const spacedJson = fc
  .tuple(
    fc.json({ maxDepth: 2 }),
    fc.array(fc.constantFrom('\n', '\r', '\r\n', ' '), { maxLength: 4 }),
  )
  .map(([json, space]) => `{"value":${space.join('')}${json}${space.toReversed().join('')}}`);

describe('records as events', () => {
  it('each event has the id that resumes after it', () => {
    const frame: IdFrame = { before: '0:5,1:', after: ',2:9', form: 'events 0:5,1:*,2:9' };
    const chunk = new EventEncoder().chunkOf(runOf(['{"a":1}', '{"b":2}'], 4), frame);
    expect(unchunked(chunk).toString()).toBe(
      'event: record\ndata: {"a":1}\nid: 0:5,1:5,2:9\n\n' +
        'event: record\ndata: {"b":2}\nid: 0:5,1:8,2:9\n\n',
    );
  });

  it('an EventSource reads the original records, wherever the bytes are cut', () => {
    const texts = fc.array(spacedJson, { minLength: 1, maxLength: 8 });
    const cuts = fc.array(fc.nat(), { maxLength: 5 });
    fc.assert(
      fc.property(texts, cuts, (records, places) => {
        const content = unchunked(new EventEncoder().chunkOf(runOf(records), ONE_PARTITION));
        const at = places.map((place) => place % content.length).toSorted((a, b) => a - b);
        const pieces = [0, ...at].map((start, index) =>
          content.subarray(start, at[index] ?? content.length),
        );
        const { events } = parsed(...pieces);
        expect(events.map(({ type }) => type)).toEqual(records.map(() => 'record'));
        expect(events.map(({ data }) => data)).toEqual(
          records.map((text) => text.replace(/[\r\n]/g, ' ')),
        );
        expect(events.map(({ lastEventId }) => lastEventId)).toEqual(
          records.map((_, index) => `0:${3 * index + 1}`),
        );
      }),
    );
  });

  it('the longest offsets and pure white space fit', () => {
    const json = `{"value":${'\r'.repeat(1000)}1}`;
    const from = Number.MAX_SAFE_INTEGER - 1;
    const content = unchunked(new EventEncoder().chunkOf(runOf([json], from), ONE_PARTITION));
    const { events, lastEventId } = parsed(content);
    expect(JSON.parse(events[0]?.data ?? '')).toEqual({ value: 1 });
    expect(lastEventId).toBe(`0:${Number.MAX_SAFE_INTEGER}`);
  });

  it('events are encoded once for all streams with the same ids', () => {
    const encoder = new EventEncoder();
    const run = runOf(['{}']);
    const other: IdFrame = { before: '0:', after: ',1:0', form: 'events 0:*,1:0' };
    const first = encoder.chunkOf(run, ONE_PARTITION);
    expect(encoder.chunkOf(run, { ...ONE_PARTITION })).toBe(first);
    expect(encoder.chunkOf(run, other)).not.toBe(first);
    expect(encoder.chunkOf(run, ONE_PARTITION)).toBe(first);
  });

  it('events are the same without the chunk around them', () => {
    const chunk = new EventEncoder().chunkOf(runOf(['{}', '{"a":"\\n"}']), ONE_PARTITION);
    expect(contentOf(chunk)).toEqual(unchunked(chunk));
  });
});

describe('other events', () => {
  it('a position event changes the resume id of a client, and dispatches nothing', () => {
    const { events, lastEventId, retryMs } = parsed(Buffer.from(positionText('0:4', 2000)));
    expect({ events, lastEventId, retryMs }).toEqual({
      events: [],
      lastEventId: '0:4',
      retryMs: 2000,
    });
  });

  it('a position event has a name, so that no client shows an empty message', () => {
    expect(positionText('0:4').split('\n')).toEqual(['event: position', 'id: 0:4', '', '']);
  });

  it('an error keeps the id of the last record', () => {
    const text = positionText('0:4') + eventText({ event: 'error', data: '{"code":"X"}' });
    expect(parsed(Buffer.from(text)).events).toEqual([
      { type: 'error', data: '{"code":"X"}', lastEventId: '0:4' },
    ]);
  });

  it('a heartbeat is a comment', () => {
    const parser = parsed(unchunked(chunkOf(HEARTBEAT)));
    expect([parser.comments, parser.events]).toEqual([1, []]);
  });

  it('the size of a chunk counts bytes, not characters', () => {
    expect(unchunked(chunkOf('ä€😀')).toString()).toBe('ä€😀');
  });
});
