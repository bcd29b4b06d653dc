import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { eventsOf, type ServerEvent } from './event-stream.js';

const TEXT =
  'retry: 1000\nevent: position\nid: 0:1\n\n:\n\nevent: record\ndata: {"a":\ndata: "é€😀"}\n' +
  'id: 0:2\n\ndata:no space\n\nevent: lost without data\n\nunknown: field\ndata\n\n';

const EVENTS: readonly ServerEvent[] = [
  { event: 'position', data: '', id: '0:1' },
  { event: 'record', data: '{"a":\n"é€😀"}', id: '0:2' },
  { event: '', data: 'no space', id: undefined },
  { event: '', data: '', id: undefined },
];

async function parsed(chunks: readonly Uint8Array[]): Promise<ServerEvent[]> {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
  const events: ServerEvent[] = [];
  let bytes = 0;
  for await (const list of eventsOf(body, () => (bytes += 1))) events.push(...list);
  expect(bytes).toBe(chunks.length);
  return events;
}

test('events are the same, wherever the network splits their bytes', async () => {
  const bytes = new TextEncoder().encode(TEXT);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 8 }), async (cuts) => {
      const ends = [...cuts, bytes.length].toSorted((one, other) => one - other);
      const chunks = ends.map((end, at) => bytes.subarray(ends[at - 1] ?? 0, end));
      expect(await parsed(chunks)).toEqual(EVENTS);
    }),
  );
});
