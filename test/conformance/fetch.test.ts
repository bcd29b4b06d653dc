import { describe, expect, it } from 'vitest';
import { expectProblem, useTarget } from './target.js';

interface Fetched {
  readonly records: readonly { readonly offset: number; readonly value: unknown }[];
  readonly nextOffset: number;
  readonly highWatermark: number;
}

describe('fetch', () => {
  const target = useTarget();

  const numbers = (count: number) => Array.from({ length: count }, (_, value) => ({ value }));
  const get = async (topic: string, query: string) => {
    const response = await target.fetch(topic, query);
    expect(response.status, response.text).toBe(200);
    return response.body as Fetched;
  };
  const offsetsOf = ({ records }: Fetched) => records.map((record) => record.offset);

  it('returns records with all members, and the next offset', async () => {
    const topic = await target.topic();
    await target.produce(topic, [{ key: 'k', value: 'v', timestamp: 5, headers: { h: '1' } }]);
    const response = await target.fetch(topic).expect(200);
    expect(response.headers['content-type']).toMatch(/^application\/json/);
    expect(response.body).toEqual({
      records: [
        {
          topic,
          partition: 0,
          offset: 0,
          timestamp: 5,
          key: 'k',
          value: 'v',
          headers: [{ key: 'h', value: '1' }],
        },
      ],
      nextOffset: 1,
      highWatermark: 1,
      logStartOffset: 0,
      leaderEpoch: expect.any(Number) as number,
    });
  });

  it('begins at the given offset and stops at its limit', async () => {
    const topic = await target.topic();
    await target.produce(topic, numbers(10));
    const some = await get(topic, '?offset=4&limit=3');
    expect(offsetsOf(some)).toEqual([4, 5, 6]);
    expect(some.nextOffset).toBe(7);
    expect(offsetsOf(await get(topic, '?offset=latest'))).toEqual([]);
    expect((await get(topic, '?offset=latest')).nextOffset).toBe(10);
    expect(offsetsOf(await get(topic, '?offset=earliest&limit=1'))).toEqual([0]);
  });

  it('returns 500 records by default', async () => {
    const topic = await target.topic();
    await target.produce(topic, numbers(600));
    expect((await get(topic, '')).records).toHaveLength(500);
    expect((await get(topic, '?limit=600')).records).toHaveLength(600);
  });

  it('respects maxBytes, but always returns one record', async () => {
    const topic = await target.topic();
    await target.produce(
      topic,
      Array.from({ length: 20 }, () => ({ value: 'x'.repeat(1000) })),
    );
    expect(offsetsOf(await get(topic, '?maxBytes=1'))).toEqual([0]);
    const some = (await get(topic, '?maxBytes=5000')).records.length;
    expect(some).toBeGreaterThan(1);
    expect(some).toBeLessThanOrEqual(5);
  });

  it('begins at the first record at or after a time, otherwise at the end', async () => {
    const topic = await target.topic();
    await target.produce(topic, [
      { value: 'a', timestamp: 1000 },
      { value: 'b', timestamp: 2000 },
    ]);
    expect(offsetsOf(await get(topic, '?timestamp=1500'))).toEqual([1]);
    const none = await get(topic, '?timestamp=2001');
    expect(none).toMatchObject({ records: [], nextOffset: 2 });
  });

  it('waits for a record, and answers when it arrives', async () => {
    const topic = await target.topic();
    const waiting = target.fetch(topic, '?offset=latest&waitMs=30000').then((response) => response);
    await target.produce(topic, [{ value: 'now' }]);
    const response = await waiting;
    const { records } = response.body as Fetched;
    // The fetch may have come after the record: then `latest` is behind it and the fetch waits for
    // another.
    if (records.length === 0) throw new Error('a wait of 30 s ended without the record');
    expect(records[0]).toMatchObject({ offset: 0, value: 'now' });
  });

  it('waits for minBytes', async () => {
    const topic = await target.topic();
    await target.produce(topic, [{ value: 'x'.repeat(100) }]);
    const waiting = target
      .fetch(topic, '?offset=0&minBytes=1000&waitMs=30000')
      .then((response) => response);
    await target.produce(topic, [{ value: 'y'.repeat(2000) }]);
    expect(offsetsOf((await waiting).body as Fetched)).toEqual([0, 1]);
  });

  it('returns no records when the wait is over', async () => {
    const topic = await target.topic();
    expect(await get(topic, '?offset=0&waitMs=20')).toMatchObject({ records: [], nextOffset: 0 });
  });

  it('refuses offsets outside of the log, and names its bounds', async () => {
    const topic = await target.topic();
    await target.produce(topic, numbers(3));
    const problem = expectProblem(
      await target.fetch(topic, '?offset=4'),
      416,
      'OFFSET_OUT_OF_RANGE',
    );
    expect(problem).toMatchObject({ logStartOffset: 0, highWatermark: 3 });
    expect(await get(topic, '?offset=3')).toMatchObject({ records: [], nextOffset: 3 });
  });

  it.each([
    '?offset=-1',
    '?offset=first',
    '?offset=1.5',
    '?offset=99999999999999999999',
    '?limit=0',
    '?limit=x',
    '?maxBytes=0',
    '?waitMs=60001',
    '?waitMs=-1',
    '?minBytes=-1',
    '?format=xml',
    '?timestamp=x',
    '?offset=1&timestamp=1',
    '?offset=1&offset=2',
    '?ofset=1',
    '?format=raw&limit=2',
  ])('refuses the query %j', async (query) => {
    const topic = await target.topic();
    expectProblem(await target.fetch(topic, query), 400, 'INVALID_REQUEST');
  });

  it('refuses unknown topics and partitions', async () => {
    const topic = await target.topic();
    const gone = 'UNKNOWN_TOPIC_OR_PARTITION';
    expectProblem(await target.fetch(topic, '', 1), 404, gone);
    expectProblem(await target.fetch('nope'), 404, gone);
    const path = `/v1/topics/${topic}/partitions/zero/records`;
    expectProblem(await target.http.get(path), 400, 'INVALID_REQUEST');
  });

  it('returns values in a forced format', async () => {
    const topic = await target.topic();
    await target.http
      .post(`/v1/topics/${topic}/records`)
      .set('content-type', 'text/plain')
      .send('{"a": 1}');
    await target.produce(topic, [{ value: { b: 2 } }]);
    const json = await get(topic, '?format=json');
    expect(json.records.map((record) => record.value)).toEqual([{ a: 1 }, { b: 2 }]);
    const strings = await get(topic, '?format=string');
    expect(strings.records.map((record) => record.value)).toEqual(['{"a": 1}', '{"b":2}']);
    const base64 = await get(topic, '?format=base64');
    expect(base64.records[0]).toMatchObject({
      valueBase64: Buffer.from('{"a": 1}').toString('base64'),
    });
    await target.produce(topic, [{ value: [1.0], key: { k: 1 } }]);
    const key = await get(topic, '?format=base64-key&offset=2');
    const keyBase64 = Buffer.from('{"k":1}').toString('base64');
    expect(key.records).toMatchObject([{ keyBase64, value: [1] }]);
    const value = await get(topic, '?format=base64-value&offset=2');
    expect(value.records).toMatchObject([{ key: { k: 1 }, valueBase64: 'WzFd' }]);
  });

  it('returns the bytes of a single value', async () => {
    const topic = await target.topic();
    await target.produce(topic, [{ valueBase64: '3q2+7w==', key: 'k', timestamp: 7 }]);
    const response = await target
      .fetch(topic, '?format=raw&limit=1&offset=0')
      .buffer(true)
      .parse((stream, done) => {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => done(null, Buffer.concat(chunks)));
      });
    expect(response.status).toBe(200);
    expect((response.body as Buffer).toString('hex')).toBe('deadbeef');
    expect(response.headers).toMatchObject({ 'sluice-offset': '0', 'sluice-timestamp': '7' });
    expect(response.headers).toHaveProperty('sluice-key');
    expect((await target.fetch(topic, '?format=raw&limit=1&offset=1')).status).toBe(204);
  });

  it('streams NDJSON up to the high watermark of its start', async () => {
    const topic = await target.topic();
    await target.produce(topic, numbers(2000));
    const response = await target
      .fetch(topic)
      .set('accept', 'application/x-ndjson')
      .buffer(true)
      .parse((stream, done) => {
        let text = '';
        stream.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        stream.on('end', () => done(null, text));
      });
    expect(response.headers['content-type']).toMatch(/^application\/x-ndjson/);
    const lines = (response.body as string).trimEnd().split('\n');
    expect(lines).toHaveLength(2001);
    const last = JSON.parse(lines.pop() ?? '') as unknown;
    expect(last).toEqual({ nextOffset: 2000, highWatermark: 2000 });
    const offsets = lines.map((line) => (JSON.parse(line) as { offset: number }).offset);
    expect(offsets).toEqual(Array.from({ length: 2000 }, (_, offset) => offset));
  });

  it('writes one line per record, also for values with line breaks', async () => {
    const topic = await target.topic();
    const value = '{\n  "a": "x\\ny",\r\n  "b": 1\n}';
    await target.http
      .post(`/v1/topics/${topic}/records`)
      .set('content-type', 'application/json')
      .send(`{"value": ${value}}`)
      .expect(200);
    expect((await target.fetch(topic).expect(200)).text).toContain(value);
    const response = await fetch(`${target.url}/v1/topics/${topic}/partitions/0/records`, {
      headers: { accept: 'application/x-ndjson' },
    });
    const lines = (await response.text()).trimEnd().split('\n');
    expect(lines).toHaveLength(2);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ value: { a: 'x\ny', b: 1 } });
  });
});
