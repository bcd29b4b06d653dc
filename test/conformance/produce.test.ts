import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { expectProblem, type Place, pointers, useTarget } from './target.js';

const JSON_TYPE = 'application/json';

describe('produce of JSON', () => {
  const target = useTarget();

  const post = (topic: string, body: string, query = '') =>
    target.http
      .post(`/v1/topics/${topic}/records${query}`)
      .set('content-type', JSON_TYPE)
      .send(body);

  it('returns the partition and offset of each record, in the order of the records', async () => {
    const topic = await target.topic({ partitions: 3 });
    const places = await target.produce(topic, [
      { value: 1, partition: 2 },
      { value: 2, partition: 0 },
      { value: 3, partition: 2, timestamp: 1700000000000 },
    ]);
    expect(places).toMatchObject([
      { partition: 2, offset: 0 },
      { partition: 0, offset: 0 },
      { partition: 2, offset: 1, timestamp: 1700000000000 },
    ]);
    for (const place of places) expect(place.timestamp).toBeTypeOf('number');
  });

  it('accepts a single record', async () => {
    const topic = await target.topic();
    const response = await post(topic, '{"value": {"a": 1}, "key": "k"}');
    expect(response.status, response.text).toBe(200);
    expect(response.body).toMatchObject({ offsets: [{ partition: 0, offset: 0 }] });
  });

  it.each([
    '1e400',
    '12345678901234567890',
    '-0',
    '0.10',
    '{"b":1,"a":2,"b":3}',
    '"\\u00e9\\ud83d\\ude00 \\/ \\n"',
    '"é😀"',
    '[ ]',
    'true',
    '{"nested":[[[{"x":null}]]]}',
    '""',
  ])('returns the value %s as the same JSON', async (value) => {
    const topic = await target.topic();
    const sent = await post(topic, `{"records":[{"value":${value},"key":${value}}]}`);
    expect(sent.status, sent.text).toBe(200);
    const { text } = await target.fetch(topic).expect(200);
    expect(text).toContain(`"value":${value}`);
  });

  it('keeps a string key as a string, and any other key as the same JSON', async () => {
    const topic = await target.topic();
    const sent = await post(
      topic,
      '{"records":[{"value":1,"key":{"b":1,"a":1e2}},{"value":2,"key":"plain"},{"value":3,"key":null}]}',
    );
    expect(sent.status, sent.text).toBe(200);
    const { text, body } = await target.fetch(topic).expect(200);
    expect(text).toContain('"key":{"b":1,"a":1e2}');
    const { records } = body as { records: { key: unknown }[] };
    expect(records.map((record) => record.key)).toEqual([{ b: 1, a: 100 }, 'plain', null]);
  });

  it('keeps bytes, headers in order and repetition, and null values', async () => {
    const topic = await target.topic();
    await target.produce(topic, [
      { valueBase64: '3q2+7w==', keyBase64: '/w==' },
      { valueBase64: Buffer.from('text').toString('base64') },
      { value: 1, headers: { a: '1', b: '2' } },
      {
        value: 2,
        headers: [
          { key: 'x', value: '1' },
          { key: 'a', value: '2' },
          { key: 'x', valueBase64: '/w==' },
        ],
      },
      { key: 'gone', value: null },
    ]);
    const { body } = await target.fetch(topic).expect(200);
    expect((body as { records: object[] }).records).toEqual([
      expect.objectContaining({ valueBase64: '3q2+7w==', keyBase64: '/w==', headers: [] }),
      expect.objectContaining({ value: 'text', key: null }),
      expect.objectContaining({
        headers: [
          { key: 'a', value: '1' },
          { key: 'b', value: '2' },
        ],
      }),
      expect.objectContaining({
        headers: [
          { key: 'x', value: '1' },
          { key: 'a', value: '2' },
          { key: 'x', valueBase64: '/w==' },
        ],
      }),
      expect.objectContaining({ key: 'gone', value: null }),
    ]);
  });

  it("maps a key to the partition of Kafka's clients", async () => {
    const topic = await target.topic({ partitions: 12 });
    const places = await target.produce(topic, [
      { key: 'foobar', value: 1 },
      { keyBase64: Buffer.from('foobar').toString('base64'), value: 2 },
    ]);
    expect(places.map((place) => place.partition)).toEqual([6, 6]);
  });

  it('uses all partitions in turns when asked to', async () => {
    const topic = await target.topic({ partitions: 4 });
    const records = Array.from({ length: 8 }, (_, value) => ({ value }));
    const places = await target.produce(topic, records, '?partitioner=roundrobin');
    const counts = [0, 1, 2, 3].map(
      (partition) => places.filter((place) => place.partition === partition).length,
    );
    expect(counts).toEqual([2, 2, 2, 2]);
  });

  it.each([
    ['{"records":[{"value":1},{}]}', ['/records/1']],
    ['{"records":[{"value":1,"valueBase64":"AA=="}]}', ['/records/0']],
    ['{"records":[{"value":1,"colour":2}]}', ['/records/0/colour']],
    ['{"records":[{"value":1,"value":2}]}', ['/records/0/value']],
    ['{"records":[{"valueBase64":"%%"}]}', ['/records/0/valueBase64']],
    ['{"records":[{"value":1,"partition":-1}]}', ['/records/0/partition']],
    ['{"records":[{"value":1,"partition":"0"}]}', ['/records/0/partition']],
    ['{"records":[{"value":1,"headers":[{"value":"x"}]}]}', ['/records/0/headers/0']],
    ['{"records":[{"value":1,"headers":{"a":1}}]}', ['/records/0/headers/a']],
    ['{"records":[7]}', ['/records/0']],
    ['{"records":{}}', ['/records']],
    ['{"records":[{"value":1}],"acks":"all"}', ['/acks']],
  ])('refuses %s with pointers and writes nothing', async (body, expected) => {
    const topic = await target.topic();
    const response = await post(topic, body);
    expect(response.status, response.text).toBe(400);
    const problem = JSON.parse(response.text) as Parameters<typeof pointers>[0];
    expect(problem.outcome).toBe('failed');
    for (const pointer of expected) {
      expect(pointers(problem).some((each) => each.startsWith(pointer))).toBe(true);
    }
    expect((await target.fetch(topic).expect(200)).body).toMatchObject({ highWatermark: 0 });
  });

  it('finds every fault of a body', async () => {
    const topic = await target.topic();
    const response = await post(topic, '{"records":[{},{"value":1},{"value":1,"partition":-2}]}');
    expect(pointers(expectProblem(response, 400, 'INVALID_RECORD'))).toHaveLength(2);
  });

  it.each([
    '',
    '{',
    '{"records":[{"value":tru}]}',
    '[]',
    '1',
    '{"value":1} x',
    '{"value":"\u0001"}',
  ])('refuses the malformed body %j and locates the fault', async (body) => {
    const topic = await target.topic();
    const problem = expectProblem(await post(topic, body), 400, 'INVALID_REQUEST');
    expect(problem.outcome).toBe('failed');
  });

  it('refuses a whole request with an unknown partition', async () => {
    const topic = await target.topic({ partitions: 2 });
    const response = await post(
      topic,
      '{"records":[{"value":1,"partition":0},{"value":1,"partition":2}]}',
    );
    const problem = expectProblem(response, 404, 'UNKNOWN_TOPIC_OR_PARTITION');
    expect(pointers(problem)).toEqual(['/records/1/partition']);
    expect((await target.fetch(topic).expect(200)).body).toMatchObject({ highWatermark: 0 });
  });

  it('refuses unknown and internal topics', async () => {
    const gone = 'UNKNOWN_TOPIC_OR_PARTITION';
    expectProblem(await post(`no-${randomUUID()}`, '{"value":1}'), 404, gone);
    const response = await post('__consumer_offsets', '{"value":1}');
    expect([400, 403, 404]).toContain(response.status);
  });

  it('refuses a record over max.message.bytes and names both sizes', async () => {
    const topic = await target.topic({ configs: { 'max.message.bytes': 1000 } });
    const response = await post(topic, `{"records":[{"value":1},{"value":"${'x'.repeat(1000)}"}]}`);
    const problem = expectProblem(response, 413, 'MESSAGE_TOO_LARGE');
    expect(response.text).toMatch(/1000\b/);
    expect(pointers(problem)).toEqual([expect.stringMatching(/^\/records\/1/)]);
    expect((await target.fetch(topic).expect(200)).body).toMatchObject({ highWatermark: 0 });
  });

  it('accepts a record whose batch has exactly max.message.bytes', async () => {
    const topic = await target.topic({ configs: { 'max.message.bytes': 200 } });
    // Bytes of the batch: 61 of header, 2 of lengths, 7 of record fields, 130 of the value with its
    // quotes.
    await post(topic, `{"value":"${'x'.repeat(128)}"}`).expect(200);
    expectProblem(await post(topic, `{"value":"${'x'.repeat(129)}"}`), 413, 'MESSAGE_TOO_LARGE');
  });

  it('refuses records without a key in a compacted topic', async () => {
    const topic = await target.topic({ configs: { 'cleanup.policy': 'compact' } });
    const response = await post(topic, '{"records":[{"key":"a","value":1},{"value":2}]}');
    const problem = expectProblem(response, 400, 'INVALID_RECORD');
    expect(pointers(problem)).toEqual([expect.stringMatching(/^\/records\/1/)]);
  });

  it.each([
    '?acks=2',
    '?acks=',
    '?timeoutMs=soon',
    '?timeoutMs=-1',
    '?partitioner=random',
    '?acks=1&acks=all',
    '?ack=all',
  ])('refuses the query %j', async (query) => {
    const topic = await target.topic();
    expectProblem(await post(topic, '{"value":1}', query), 400, 'INVALID_REQUEST');
    expect((await target.fetch(topic).expect(200)).body).toMatchObject({ highWatermark: 0 });
  });

  it('answers acks=0 with 202 without offsets, and writes the record', async () => {
    const topic = await target.topic();
    const response = await post(topic, '{"value":1}', '?acks=0');
    expect(response.status).toBe(202);
    expect(response.text).not.toContain('offset"');
    const fetched = await target.fetch(topic, '?offset=0&waitMs=10000').expect(200);
    expect(fetched.body).toMatchObject({ records: [{ offset: 0, value: 1 }] });
  });

  it.each(['1', 'all'])('answers acks=%s with offsets', async (acks) => {
    const topic = await target.topic();
    const response = await post(topic, '{"value":1}', `?acks=${acks}`);
    expect(response.body).toMatchObject({ offsets: [{ partition: 0, offset: 0 }] });
  });

  it("stamps the broker's time in topics with LogAppendTime", async () => {
    const topic = await target.topic({ configs: { 'message.timestamp.type': 'LogAppendTime' } });
    const [place] = await target.produce(topic, [{ value: 1, timestamp: 5 }]);
    expect(place?.timestamp).toBeGreaterThan(1_600_000_000_000);
    const { body } = await target.fetch(topic).expect(200);
    expect(body).toMatchObject({ records: [{ timestamp: place?.timestamp }] });
  });
});

describe('produce of other content types', () => {
  const target = useTarget();

  it.each([
    ['text/plain', 'plain text'],
    ['application/x-www-form-urlencoded', 'a=1&b=2'],
    ['application/octet-stream', 'bytes'],
    ['application/xml', '<a/>'],
    ['text/plain', ''],
  ])('accepts a body of %s as one value', async (type, body) => {
    const topic = await target.topic({ partitions: 2 });
    const response = await target.http
      .post(`/v1/topics/${topic}/records?partition=1&key=k`)
      .set('content-type', type)
      .send(body);
    expect(response.status, response.text).toBe(200);
    expect((response.body as { offsets: Place[] }).offsets).toMatchObject([{ partition: 1 }]);
    const fetched = await target.fetch(topic, '', 1).expect(200);
    expect(fetched.body).toMatchObject({ records: [{ key: 'k', value: body }] });
  });

  it('accepts a JSON body as one value with body=value, and returns it as JSON', async () => {
    const topic = await target.topic();
    const path = `/v1/topics/${topic}/records?body=value`;
    const text = '{"records": [{"value": 1e400}]}';
    await target.http.post(path).set('content-type', JSON_TYPE).send(text).expect(200);
    expect((await target.fetch(topic).expect(200)).text).toContain(`"value":${text}`);
    const bad = await target.http.post(path).set('content-type', JSON_TYPE).send('{"a":');
    expectProblem(bad, 400, 'INVALID_REQUEST');
    await target.http.post(path).set('content-type', 'text/plain').send('{"a":').expect(200);
  });
});

describe('an idempotent producer', () => {
  const target = useTarget();

  const newProducer = async () => {
    const response = await target.http.post('/v1/producers');
    expect(response.status, response.text).toBe(201);
    return response.body as { producerId: number; producerEpoch: number };
  };

  const send = (
    topic: string,
    producer: { producerId: number; producerEpoch: number },
    sequence: number,
    body: string,
    query = '?partition=0',
  ) =>
    target.http
      .post(`/v1/topics/${topic}/records${query}`)
      .set('content-type', JSON_TYPE)
      .set('producer-id', String(producer.producerId))
      .set('producer-epoch', String(producer.producerEpoch))
      .set('producer-sequence', String(sequence))
      .send(body);

  it('gets an id of its own', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, newProducer));
    expect(new Set(ids.map((each) => each.producerId)).size).toBe(20);
    for (const { producerId, producerEpoch } of ids) {
      expect(Number.isSafeInteger(producerId)).toBe(true);
      expect(producerEpoch).toBe(0);
    }
  });

  it('writes a repeated request once, and returns the first offsets', async () => {
    const topic = await target.topic();
    const producer = await newProducer();
    const two = '{"records":[{"value":1},{"value":2}]}';
    const first = await send(topic, producer, 0, two);
    expect(first.status, first.text).toBe(200);
    const again = await send(topic, producer, 0, two);
    expect(again.status, again.text).toBe(200);
    expect(again.body).toEqual(first.body);
    const next = await send(topic, producer, 2, '{"value":3}');
    expect(next.body).toMatchObject({ offsets: [{ offset: 2 }] });
    expect((await target.fetch(topic).expect(200)).body).toMatchObject({ highWatermark: 3 });
  });

  it('gets an error for a gap and for an old epoch', async () => {
    const topic = await target.topic();
    const producer = await newProducer();
    await send(topic, producer, 0, '{"value":1}').expect(200);
    const gap = await send(topic, producer, 5, '{"value":1}');
    const problem = expectProblem(gap, 409, 'OUT_OF_ORDER_SEQUENCE_NUMBER');
    expect(problem.outcome).toBe('failed');
    await send(topic, { ...producer, producerEpoch: 1 }, 0, '{"value":1}').expect(200);
    expectProblem(await send(topic, producer, 1, '{"value":1}'), 409, 'INVALID_PRODUCER_EPOCH');
  });

  it('must address one partition', async () => {
    const topic = await target.topic({ partitions: 2 });
    const producer = await newProducer();
    const none = await send(topic, producer, 0, '{"value":1}', '');
    expectProblem(none, 400, 'INVALID_REQUEST');
    const both = '{"records":[{"value":1,"partition":0},{"value":1,"partition":1}]}';
    expectProblem(await send(topic, producer, 0, both, ''), 400, 'INVALID_REQUEST');
    const one = '{"records":[{"value":1,"partition":1},{"value":1,"partition":1}]}';
    await send(topic, producer, 0, one, '').expect(200);
  });

  it('needs all three headers, as whole numbers', async () => {
    const topic = await target.topic();
    const path = `/v1/topics/${topic}/records?partition=0`;
    const some = await target.http.post(path).set('producer-id', '1').send({ value: 1 });
    expectProblem(some, 400, 'INVALID_REQUEST');
    const producer = await newProducer();
    const text = await send(topic, producer, Number.NaN, '{"value":1}');
    expectProblem(text, 400, 'INVALID_REQUEST');
  });
});
