// Writes jobs that a queue delivers later, never before their time.
// They are in the log at once, so that they survive a restart of the gateway.
// Run: node examples/07-delayed-jobs.mjs http://localhost:8080
import { Sluice } from 'sluice-client';
import { ensureTopic } from './ensure-topic.mjs';

const sluice = new Sluice({ url: process.argv[2] ?? 'http://localhost:8080' });
const topic = 'delay-example';
await ensureTopic(sluice, topic);
const jobs = [
  { topic, value: { name: 'last', delayMs: 1500 }, delayMs: 1500 },
  { topic, value: { name: 'second', delayMs: 500 }, delayMs: 500 },
  { topic, value: { name: 'first', delayMs: 0 } },
];
await sluice.producer().sendAll(jobs);

const queue = sluice.queue({
  group: 'delay-example',
  topics: [topic],
  autoOffsetReset: 'earliest',
});
for await (const job of queue) {
  const { name, delayMs } = /** @type {{ name: string, delayMs: number }} */ (job.value);
  const isEarly = Date.now() < job.timestamp + delayMs;
  console.log(`${name}: ${isEarly ? 'early' : 'on time'}`);
  await job.ack();
  if (name === 'last') break;
}
await sluice.close();
