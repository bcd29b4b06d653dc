// Commits a batch only when the work on it is done: what is not committed comes again.
// The first member stops before its commit, as a program that crashes; the second one commits.
// Run: node examples/05-commit-yourself.mjs http://localhost:8080
import { Sluice } from 'sluice-client';
import { ensureTopic } from './ensure-topic.mjs';

const sluice = new Sluice({ url: process.argv[2] ?? 'http://localhost:8080' });
const topic = 'commit-example';
const group = 'commit-example';
await ensureTopic(sluice, topic);
await sluice.producer().sendAll(['a', 'b', 'c'].map((value) => ({ topic, value })));

async function readBatch(work) {
  const consumer = sluice.consumer({
    group,
    topics: [topic],
    autoOffsetReset: 'earliest',
    autoCommit: false,
  });
  for await (const batch of consumer) {
    await work(batch);
    break;
  }
  await consumer.close();
}

const valuesOf = ({ records }) => records.map(({ value }) => value).join(' ');
await readBatch((batch) => console.log(`not committed: ${valuesOf(batch)}`));
await readBatch(async (batch) => {
  console.log(`again: ${valuesOf(batch)}`);
  await batch.commit();
});
const { offsets } = await sluice.admin.committedOffsets({ group, topic });
console.log(`committed: offset ${offsets[0].offset}`);
await sluice.close();
