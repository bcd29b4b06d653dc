// Reads a topic from its first record on, without a group; the loop waits for new records.
// Each record comes once and in the order of its partition, also when connections break.
// Run: node examples/02-subscribe.mjs http://localhost:8080
import { Sluice } from 'sluice-client';
import { ensureTopic } from './ensure-topic.mjs';

const sluice = new Sluice({ url: process.argv[2] ?? 'http://localhost:8080' });
await ensureTopic(sluice, 'subscribe-example');
const producer = sluice.producer();
for (const value of ['one', 'two', 'last']) {
  await producer.send({ topic: 'subscribe-example', key: 'count', value });
}

const subscription = sluice.subscribe('subscribe-example', { from: 'earliest' });
for await (const { partition, offset, key, value } of subscription) {
  console.log(`${partition}/${offset} ${key}: ${value}`);
  if (value === 'last') break;
}
await sluice.close();
