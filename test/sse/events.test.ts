import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { EventClient, type EventRecord, offsetsOf } from './event-client.js';
import { useSseGateway } from './sse-gateway.js';

const gateway = useSseGateway({ SLUICE_EVENT_RETRY_MS: '700' });

/** This number of values makes the log roll over many record batches. */
const MANY = 3000;

describe('a stream of events', () => {
  test('it has the head of an EventSource, and begins with the id to resume with', async () => {
    const topic = await gateway.topic({ partitions: 2 });
    await gateway.produce(topic, ['a'], 1);
    const stream = await gateway.events(`${topic}/events`);
    expect(stream.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    await stream.until(() => stream.lastEventId !== '');
    expect(stream.lastEventId).toBe(await gateway.eventId(topic, '0:0:0,1:1:0'));
    expect(stream.retryMs).toBe(700);
  });

  test('it has each record in the form of a fetch', async () => {
    const topic = await gateway.topic();
    const stream = await gateway.events(`${topic}/events`);
    await gateway.produce(topic, [{ a: [1, null] }, 'text', null]);
    const events = [await stream.next(), await stream.next(), await stream.next()];
    const page = await fetch(`${gateway.url}/v1/topics/${topic}/partitions/0/records`);
    const { records } = (await page.json()) as { records: unknown[] };
    expect(events.map(({ type }) => type)).toEqual(['record', 'record', 'record']);
    expect(events.map(({ data }) => JSON.parse(data) as unknown)).toEqual(records);
    const ids = events.map(({ lastEventId }) => offsetsOf(lastEventId));
    expect(ids).toEqual(['0:1', '0:2', '0:3']);
  });

  test('it has keys and values in the format that is asked for', async () => {
    const topic = await gateway.topic();
    const stream = await gateway.events(`${topic}/events?format=base64`);
    const other = await gateway.events(`${topic}/events`);
    await gateway.produce(topic, [{ a: 1 }]);
    const path = `${gateway.url}/v1/topics/${topic}/partitions/0/records?format=base64`;
    const { records } = (await (await fetch(path)).json()) as { records: unknown[] };
    expect([JSON.parse((await stream.next()).data)]).toEqual(records);
    expect(JSON.stringify(records)).toContain(Buffer.from('{"a":1}').toString('base64'));
    expect(JSON.parse((await other.next()).data)).toMatchObject({ value: { a: 1 } });
    const refused = await fetch(`${gateway.url}/v1/topics/${topic}/events?format=raw`);
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ errors: [{ pointer: '?format' }] });
  });

  test('it sends JSON with line breaks of any kind on one line', async () => {
    const topic = await gateway.topic();
    const stream = await gateway.events(`${topic}/events`);
    const value = '{\n  "text": "a\\nb",\r\n\r  "list": [1,\r2]\n}';
    const response = await fetch(`${gateway.url}/v1/topics/${topic}/records?body=value`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: value,
    });
    expect(response.status).toBe(200);
    await gateway.produce(topic, ['next']);
    const { data } = await stream.next();
    expect(data).toContain(value.replace(/[\r\n]/g, ' '));
    expect((JSON.parse(data) as EventRecord).value).toEqual({ text: 'a\nb', list: [1, 2] });
    expect(await stream.record()).toMatchObject({ offset: 1, value: 'next' });
  });

  test('it begins at the end, or at the beginning', async () => {
    const topic = await gateway.topic();
    await gateway.produce(topic, ['old']);
    const latest = await gateway.events(`${topic}/events?from=latest`);
    const earliest = await gateway.events(`${topic}/events?from=earliest`);
    await gateway.produce(topic, ['new']);
    expect((await earliest.records(2)).map(({ value }) => value)).toEqual(['old', 'new']);
    expect(await latest.record()).toMatchObject({ value: 'new' });
  });

  test('it has only the named partitions and their positions', async () => {
    const topic = await gateway.topic({ partitions: 3 });
    const stream = await gateway.events(`${topic}/events?partitions=2,0&from=earliest`);
    for (const partition of [0, 1, 2]) await gateway.produce(topic, [partition], partition);
    const values = (await stream.records(2)).map(({ value }) => value);
    expect(new Set(values)).toEqual(new Set([0, 2]));
    expect(stream.lastOffsets).toBe('0:1,2:1');
  });

  test('HEAD is answered without a body, and other methods are refused', async () => {
    const topic = await gateway.topic();
    const url = `${gateway.url}/v1/topics/${topic}/events`;
    const head = await fetch(url, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect(head.headers.get('content-type')).toBe('text/event-stream');
    const post = await fetch(url, { method: 'POST' });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    await gateway.untilNoStreams();
  });

  test('a refusal has a status that ends an EventSource', async () => {
    const topic = await gateway.topic({ partitions: 2 });
    await gateway.produce(topic, [1, 2, 3]);
    expect(await gateway.refusal(`${topic}/events?partitions=7`)).toMatchObject({
      status: 404,
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
    });
    expect(await gateway.refusal(`none-${topic}/events`)).toMatchObject({ status: 404 });
    expect(await gateway.refusal(`${topic}/events`, { 'Last-Event-ID': '0:9' })).toMatchObject({
      status: 416,
      code: 'OFFSET_OUT_OF_RANGE',
      logStartOffset: 0,
      highWatermark: 3,
    });
    expect(await gateway.refusal(`${topic}/events`, { 'Last-Event-ID': '7:0' })).toMatchObject({
      status: 404,
    });
    expect(await gateway.refusal(`${topic}/events?lastEventId=7`)).toMatchObject({
      status: 400,
      detail: expect.stringContaining('such as 0:12,1:7'),
    });
    await gateway.untilNoStreams();
  });

  test('it has at most 64 partitions', async () => {
    const topic = await gateway.topic({ partitions: 65 });
    expect(await gateway.refusal(`${topic}/events`)).toMatchObject({
      status: 400,
      detail: expect.stringContaining('?partitions='),
    });
    const named = Array.from({ length: 64 }, (_, partition) => partition).join(',');
    const stream = await gateway.events(`${topic}/events?partitions=${named}`);
    await gateway.produce(topic, ['last'], 63);
    expect(await stream.record()).toMatchObject({ partition: 63 });
    expect(stream.lastEventId.split(',')).toHaveLength(64);
  });
});

describe('resuming a stream', () => {
  test('it resumes after the last event: header before query before from', async () => {
    const topic = await gateway.topic();
    await gateway.produce(topic, [0, 1, 2, 3]);
    const path = `${topic}/events?from=earliest&lastEventId=0:2`;
    expect((await (await gateway.events(path)).record()).offset).toBe(2);
    const header = { 'Last-Event-ID': '0:3' };
    expect((await (await gateway.events(path, header)).record()).offset).toBe(3);
  });

  test('it loses nothing before its first record, even from the end', async () => {
    const topic = await gateway.topic({ partitions: 2 });
    await gateway.produce(topic, ['old']);
    const first = await gateway.events(`${topic}/events`);
    await first.until(() => first.lastEventId !== '');
    first.abort();
    await gateway.produce(topic, ['while away']);
    const header = { 'Last-Event-ID': first.lastEventId };
    const second = await gateway.events(`${topic}/events`, header);
    expect(await second.record()).toMatchObject({ offset: 1, value: 'while away' });
  });

  test('it loses and repeats nothing, cut anywhere while records are produced', async () => {
    const topic = await gateway.topic({ partitions: 3 });
    const producing = (async () => {
      for (let batch = 0; batch < MANY / 20; batch += 1) {
        const values = Array.from(
          { length: 20 },
          (_, index) => `${batch}.${index} ${randomUUID()}`,
        );
        await gateway.produce(topic, values, batch % 3);
      }
    })();
    const seen = new Map<number, number[]>([0, 1, 2].map((partition) => [partition, []]));
    let lastEventId = '0:0,1:0,2:0';
    let connections = 0;
    let count = 0;
    while (count < MANY) {
      const stream = await EventClient.open(gateway.url, `${topic}/events`, {
        'Last-Event-ID': lastEventId,
      });
      connections += 1;
      // The number grows each time, so that cuts hit the catch-up, the transition and the tail
      // alike.
      const wanted = Math.min(1 + connections * 7, MANY - count);
      for (let taken = 0; taken < wanted; taken += 1) {
        const event = await stream.next();
        const { partition, offset } = JSON.parse(event.data) as EventRecord;
        seen.get(partition)?.push(offset);
        // Id of the consumed event; later ones may have arrived after it.
        ({ lastEventId } = event);
        count += 1;
      }
      stream.abort();
    }
    await producing;
    expect(connections).toBeGreaterThan(10);
    const dense = Array.from({ length: MANY / 3 }, (_, offset) => offset);
    expect([...seen.values()]).toEqual([dense, dense, dense]);
    await gateway.untilNoStreams();
  });

  test('a partition that the id does not contain is read from the beginning', async () => {
    const topic = await gateway.topic();
    await gateway.produce(topic, ['a', 'b']);
    await gateway.addPartitions(topic, 2);
    await gateway.produce(topic, ['c'], 1);
    const header = { 'Last-Event-ID': '0:1' };
    const stream = await gateway.events(`${topic}/events`, header);
    const values = (await stream.records(2)).map(({ value }) => value);
    expect(new Set(values)).toEqual(new Set(['b', 'c']));
    expect(stream.lastOffsets).toBe('0:2,1:1');
  });

  test('records that were read in an epoch that this log never had are reported', async () => {
    const topic = await gateway.topic();
    await gateway.produce(topic, [0, 1, 2, 3]);
    const header = { 'Last-Event-ID': await gateway.eventId(topic, '0:3:7') };
    expect(await gateway.refusal(`${topic}/events`, header)).toMatchObject({
      status: 416,
      code: 'OFFSET_OUT_OF_RANGE',
      divergingOffset: 0,
    });
    const reset = await gateway.events(`${topic}/events?autoOffsetReset=earliest`, header);
    expect((await reset.next()).type).toBe('reset');
    expect((await reset.record()).offset).toBe(0);
  });

  test('the id of a topic that was deleted does not resume one of the same name', async () => {
    const topic = await gateway.topic();
    await gateway.produce(topic, ['old']);
    const stream = await gateway.events(`${topic}/events?from=earliest`);
    await stream.record();
    const header = { 'Last-Event-ID': stream.lastEventId };
    await gateway.deleteTopic(topic);
    await gateway.topic({ name: topic });
    await gateway.produce(topic, ['new', 'newer']);
    expect(await gateway.refusal(`${topic}/events`, header)).toMatchObject({
      status: 404,
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
      detail: expect.stringContaining('deleted'),
    });
    await gateway.untilNoStreams();
  });

  test('a client that requested a reset gets the new position of a deleted one', async () => {
    const topic = await gateway.topic({ partitions: 2 });
    await gateway.produce(topic, [0, 1, 2, 3]);
    await gateway.deleteRecords(topic, 2);
    const path = `${topic}/events?lastEventId=0:1,1:0&autoOffsetReset=earliest`;
    const stream = await gateway.events(path);
    const { type, data, lastEventId } = await stream.next();
    expect([type, offsetsOf(lastEventId)]).toEqual(['reset', '0:2,1:0']);
    expect(JSON.parse(data)).toMatchObject({
      topic,
      partition: 0,
      offset: 2,
      code: 'OFFSET_OUT_OF_RANGE',
      logStartOffset: 2,
      highWatermark: 4,
    });
    expect((await stream.records(2)).map(({ offset }) => offset)).toEqual([2, 3]);
    const latest = await gateway.events(path.replace('=earliest', '=latest'));
    expect(offsetsOf((await latest.next()).lastEventId)).toBe('0:4,1:0');
  });
});

describe('a topic that changes during a stream', () => {
  test('new partitions are read from the beginning, and are in the id at once', async () => {
    const topic = await gateway.topic();
    const stream = await gateway.events(`${topic}/events`);
    const fixed = await gateway.events(`${topic}/events?partitions=0`);
    await stream.until(() => stream.lastOffsets === '0:0');
    await gateway.addPartitions(topic, 3);
    await stream.until(() => stream.lastOffsets === '0:0,1:0,2:0');
    await gateway.produce(topic, ['new'], 2);
    expect(await stream.record()).toMatchObject({ partition: 2, offset: 0 });
    await gateway.produce(topic, ['first'], 0);
    expect(await fixed.record()).toMatchObject({ partition: 0, offset: 0 });
    expect(fixed.lastOffsets).toBe('0:1');
  });

  test('too many new partitions end the stream with an error that gives a remedy', async () => {
    const topic = await gateway.topic({ partitions: 64 });
    const stream = await gateway.events(`${topic}/events`);
    await stream.until(() => stream.lastEventId !== '');
    await gateway.addPartitions(topic, 66);
    const { type, data } = await stream.next();
    expect([type, JSON.parse(data)]).toMatchObject(['error', { code: 'INVALID_REQUEST' }]);
    expect(data).toContain('?partitions=');
    expect(await stream.ended()).toBe('clean');
    await gateway.untilNoStreams();
  });

  test('deleting the topic ends the stream with an error, and no fast reconnects', async () => {
    const topic = await gateway.topic({ partitions: 2 });
    await gateway.produce(topic, ['last']);
    const stream = await gateway.events(`${topic}/events?from=earliest`);
    await stream.record();
    await gateway.deleteTopic(topic);
    const { type, data, lastEventId } = await stream.next();
    expect([type, JSON.parse(data)]).toMatchObject([
      'error',
      { code: 'UNKNOWN_TOPIC_OR_PARTITION', status: 404, instance: `/v1/topics/${topic}/events` },
    ]);
    expect(offsetsOf(lastEventId)).toBe('0:1,1:0');
    expect(stream.retryMs).toBeGreaterThanOrEqual(10_000);
    expect(await stream.ended()).toBe('clean');
    await gateway.untilNoStreams();
  });
});
