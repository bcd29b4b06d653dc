// A queue delivers a job until a worker acknowledges it. A handler that throws gives the job back;
// one that throws Reject sends it to the dead letters, without a further attempt.
// Run: node examples/06-queue-with-retries.mjs http://localhost:8080
import { Reject, Sluice } from 'sluice-client';
import { ensureTopic } from './ensure-topic.mjs';

const sluice = new Sluice({ url: process.argv[2] ?? 'http://localhost:8080' });
const topic = 'retry-example';
await ensureTopic(sluice, topic);
await sluice.producer().sendAll(['good', 'flaky', 'bad'].map((value) => ({ topic, value })));

const open = new Set(['good', 'flaky', 'bad']);
let finish;
const finished = new Promise((resolve) => {
  finish = resolve;
});
function handle({ value, deliveryCount }) {
  console.log(`${value}: delivery ${deliveryCount}`);
  if (value === 'flaky' && deliveryCount < 3) throw new Error('try again');
  open.delete(value);
  if (open.size === 0) finish();
  if (value === 'bad') throw new Reject('no address');
}

const queue = sluice.queue({
  group: 'retry-example',
  topics: [topic],
  autoOffsetReset: 'earliest',
});
const run = queue.run(handle, { concurrency: 4 });
await finished;
await sluice.close();
await run;
console.log('all jobs are settled');
