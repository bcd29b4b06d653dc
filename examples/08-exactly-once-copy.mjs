// Copies a topic: a copy holds the offset of its source, so that output and position are one write.
// Each record is copied once, also after kill -9, unless two runs overlap (read-process-write.mjs).
// Run it twice: node examples/08-exactly-once-copy.mjs http://localhost:8080
import { Sluice } from 'sluice-client';
import { ensureTopic } from './ensure-topic.mjs';

const sluice = new Sluice({ url: process.argv[2] ?? 'http://localhost:8080' });
const [topic, copy, partition] = ['copy-input', 'copy-output', 0];
await ensureTopic(sluice, topic);
await ensureTopic(sluice, copy);
const producer = sluice.producer();
const orders = Array.from({ length: 20 }, (_, n) => ({ topic, value: { order: n } }));
await producer.sendAll(orders);

/** Returns the number of records that the partition has ever had. */
async function endOf(name) {
  const { offset } = await sluice.admin.listOffset({ topic: name, partition, at: 'latest' });
  return offset ?? 0;
}

/**
 * Returns the offset after the last record that was copied. A request of a killed run that is still
 * on its way here would be copied again: start the next run when the connections of the last are gone.
 */
async function resume() {
  const end = await endOf(copy);
  if (end === 0) return 0;
  const last = { topic: copy, partition, offset: end - 1, limit: 1 };
  const { records } = await sluice.admin.fetch(last);
  const { source } = /** @type {{ source: number }} */ (records[0].value);
  return source + 1;
}

const offset = await resume();
const end = await endOf(topic);
console.log(`from offset ${offset}`);
for await (const record of sluice.subscribe(topic, {
  from: { offsets: [{ topic, partition, offset }] },
})) {
  const value = { source: record.offset, value: record.value };
  await producer.send({ topic: copy, partition, value });
  console.log(`copied ${record.offset}`);
  if (record.offset === end - 1) break;
}
await sluice.close();
