// Two members of one consumer group share the partitions of a topic.
// In production each member is a process; start and stop as many as you like.
// Run: node examples/04-worker-pool.mjs http://localhost:8080
import { Sluice } from 'sluice-client';
import { ensureTopic } from './ensure-topic.mjs';

const sluice = new Sluice({ url: process.argv[2] ?? 'http://localhost:8080' });
const topic = 'pool-example';
await ensureTopic(sluice, topic, 4);
const records = Array.from({ length: 20 }, (_, n) => ({ topic, key: `k${n}`, value: n }));
await sluice.producer().sendAll(records);

let left = records.length;
let finish;
const finished = new Promise((resolve) => {
  finish = resolve;
});
const runs = ['a', 'b'].map((name) => {
  const consumer = sluice.consumer({
    group: 'pool-example',
    topics: [topic],
    autoOffsetReset: 'earliest',
  });
  // Records of one key are handled in their order, up to four keys at the same time.
  const handle = ({ value }) => {
    console.log(`worker ${name}: job ${value}`);
    left -= 1;
    if (left === 0) finish();
  };
  return consumer.run(handle, { concurrency: 4, ordering: 'key' });
});

await finished;
// Commits what is handled and leaves the group; then `run` resolves.
await sluice.close();
await Promise.all(runs);
console.log('all jobs are done');
