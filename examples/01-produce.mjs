// Writes records in the three ways: awaited, with a callback, and many at once.
// The producer is idempotent: it repeats what got no answer, and each record is in the log once.
// Run: node examples/01-produce.mjs http://localhost:8080
import { Sluice } from 'sluice-client';
import { ensureTopic } from './ensure-topic.mjs';

const sluice = new Sluice({ url: process.argv[2] ?? 'http://localhost:8080' });
await ensureTopic(sluice, 'produce-example');
const producer = sluice.producer({ lingerMs: 5 });
const topic = 'produce-example';

// Awaited: the record is written when the promise resolves.
const first = await producer.send({ topic, key: 'ada', value: { item: 'tea' } });
console.log(`awaited: partition ${first.partition}, offset ${first.offset}`);

// Many: one promise, with the results in the order of the records.
const items = ['cocoa', 'milk', 'rum'];
const all = await producer.sendAll(items.map((item) => ({ topic, key: 'bob', value: { item } })));
console.log(`at once: ${all.length} records, the last at offset ${all.at(-1)?.offset}`);

// With a callback: `flush` waits for everything that was sent.
producer.send({ topic, key: 'cy', value: { item: 'juice' } }, (error, metadata) => {
  if (error) console.error(`not written: ${error.code}, outcome ${error.outcome}`);
  else console.log(`callback: offset ${metadata.offset}`);
});
await producer.flush();

console.log(`written: ${producer.metrics().recordsWritten}`);
await sluice.close();
