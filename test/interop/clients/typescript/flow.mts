/**
 * The program of a user of the generated TypeScript client; prints the answers as JSON.
 */
import {
  Configuration,
  GroupsApi,
  ProblemFromJSON,
  RecordsApi,
  ResponseError,
  TopicsApi,
} from './client/index.js';

const [, , basePath, topic] = process.argv as [string, string, string, string];
const configuration = new Configuration({ basePath });
const topics = new TopicsApi(configuration);
const records = new RecordsApi(configuration);
const groups = new GroupsApi(configuration);

const created = await topics.createTopic({
  createTopic: { name: topic, partitions: 2, configs: { retentionMs: '86400000' } },
});
const produced = await records.produce({
  topic,
  recordsToProduce: {
    records: [
      {
        key: 'ada',
        value: { item: 'tea' },
        partition: 0,
        headers: [{ key: 'trace', value: '7f1c' }],
      },
      { valueBase64: '3q2+7w==', partition: 0 },
    ],
  },
});
const body = new Blob([new Uint8Array([0, 1, 2, 255])]);
const raw = await records.produceValue({ topic, body, partition: 1, key: 'raw' });
const lines = await records.produceLines({
  topic,
  body: '{"value": 1}\n{"value": 2}\n',
  partition: 1,
});
const fetched = await records.fetch({ topic, partition: 0, from: 'earliest' });
const value = await records.fetchValue({ topic, partition: 1, offset: 0 });
const streamed = await records.fetchLines({ topic, partition: 1, offset: 1, limit: 2 });

const late = { records: [{ value: 'late', partition: 0 }] };
const produceLate = async () => {
  await untilPollWaits();
  await records.produce({ topic, recordsToProduce: late });
};
const producing = produceLate();
const polled = await records.fetch({
  topic,
  partition: 0,
  offset: fetched.nextOffset,
  waitMs: 20_000,
});
await producing;
const committed = await groups.commitOffsets({
  group: 'typescript',
  commitOffsets: { offsets: [{ topic, partition: 0, offset: 2, metadata: 'm' }] },
});
const offsets = await groups.committedOffsets({ group: 'typescript', topic });
const problem = await records.fetch({ topic, partition: 0, offset: 1000 }).then(
  () => undefined,
  async (error: unknown) => {
    if (!(error instanceof ResponseError)) throw error;
    return ProblemFromJSON(await error.response.json());
  },
);

const lineCount = async (text: Blob): Promise<number> =>
  (await text.text()).trimEnd().split('\n').length;
console.log(
  JSON.stringify({
    partitions: created.partitions.length,
    retentionMs: created.configs.retentionMs,
    produced: produced?.offsets.map((place) => place.offset),
    raw: raw?.offsets.map((place) => place.offset),
    lines: await lineCount(lines),
    key: fetched.records[0]?.key,
    value: fetched.records[0]?.value,
    header: fetched.records[0]?.headers[0]?.value,
    binary: fetched.records[1]?.valueBase64,
    rawValue: [...new Uint8Array((await value?.arrayBuffer()) ?? new ArrayBuffer(0))],
    streamed: await lineCount(streamed),
    polled: polled.records.map((record) => record.value as string),
    committed: committed.offsets[0]?.offset,
    offset: offsets.offsets[0]?.offset,
    lag: offsets.offsets[0]?.lag,
    code: problem?.code,
    status: problem?.status,
    highWatermark: problem?.highWatermark,
  }),
);

/** Waits until the gateway has a request that waits for records. */
async function untilPollWaits(): Promise<void> {
  for (;;) {
    const metrics = await (await fetch(`${basePath}/metrics`)).text();
    if (/^sluice_http_long_polls [1-9]/m.test(metrics)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
