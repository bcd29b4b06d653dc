// Keeps the position of a subscription in a file; each run continues after the last one.
// A run writes three records and reads two, so that something is left for the next run.
// Run it twice: node examples/03-resume-where-you-stopped.mjs http://localhost:8080 position.json
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { Sluice } from 'sluice-client';
import { ensureTopic } from './ensure-topic.mjs';

const [url = 'http://localhost:8080', file = 'position.json'] = process.argv.slice(2);
const sluice = new Sluice({ url });
const topic = 'resume-example';
await ensureTopic(sluice, topic);
await sluice.producer().sendAll(['a', 'b', 'c'].map((value) => ({ topic, value })));

const from = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : 'earliest';
const subscription = sluice.subscribe(topic, { from });
let count = 0;
for await (const { offset, value } of subscription) {
  console.log(`offset ${offset}: ${value}`);
  // The position is after this record. Save it when the work on the record is done.
  writeFileSync(file, JSON.stringify(subscription.position));
  count += 1;
  if (count === 2) break;
}
await sluice.close();
