// Keys are 64-bit numbers, values are dates in a format of one's own, and an interceptor adds a
// header to each record and counts the answers. The reader turns the bytes back.
// Run: node examples/12-serializers-and-interceptors.mjs http://localhost:8080
import { Sluice, serdes } from 'sluice-client';
import { ensureTopic } from './ensure-topic.mjs';

const sluice = new Sluice({ url: process.argv[2] ?? 'http://localhost:8080' });
const topic = 'serializer-example';
await ensureTopic(sluice, topic);

const dates = {
  name: 'dates',
  serialize: (name, date) => serdes.int64.serialize(name, date.getTime()),
  deserialize: (name, bytes) => new Date(Number(serdes.int64.deserialize(name, bytes))),
};
let acknowledged = 0;
const tracing = {
  onSend: (record) => ({ ...record, headers: { trace: `t-${record.key}` } }),
  onAcknowledgement: (_metadata, error) => {
    if (error === undefined) acknowledged += 1;
  },
};

const options = { keySerializer: serdes.int64, valueSerializer: dates, interceptors: [tracing] };
const producer = sluice.producer(options);
await producer.send({ topic, key: 17n, value: new Date('2030-01-01T00:00:00Z') });
await producer.send({ topic, key: 18n, value: new Date('2031-01-01T00:00:00Z') });
// An error of a serializer names the field, and belongs to this record alone.
await producer
  .send({ topic, key: /** @type {any} */ ('text'), value: new Date() })
  .catch(({ code }) => console.log(code));

const readers = { keyDeserializer: serdes.int64, valueDeserializer: dates };
for await (const record of sluice.subscribe(topic, { from: 'earliest', ...readers })) {
  const trace = new TextDecoder().decode(record.headers[0].value);
  console.log(`${record.key} (${trace}): ${record.value.toISOString()}`);
  if (record.key === 18n) break;
}
console.log(`acknowledged: ${acknowledged}`);
await sluice.close();
