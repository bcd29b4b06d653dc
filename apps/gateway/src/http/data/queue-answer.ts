import type { QueueRead } from '#broker';
import { type RecordFormat, renderRecords, renderRunInSlices } from '#record-json';

/** The records of an answer to a queue member, as JSON. */
export interface RenderedQueue {
  /** Records separated by commas. */
  readonly chunks: readonly Buffer[];
  readonly count: number;
  readonly sizeBytes: number;
}

/** Records of one read as JSON: an offset, and the object with a comma before it. */
type RenderedRecord = readonly [offset: number, json: Buffer];

/** Renders records with the number of their deliveries. */
export async function renderQueue(
  reads: readonly QueueRead[],
  format: RecordFormat,
): Promise<RenderedQueue> {
  const chunks: Buffer[] = [];
  let count = 0;
  let sizeBytes = 0;
  for (const read of reads) {
    const counts = new Map(
      read.records.map(({ offset, deliveryCount }) => [offset, deliveryCount]),
    );
    const rendered = format === 'default' ? await renderRun(read) : renderEach(read, format);
    for (const [offset, json] of rendered) {
      const deliveryCount = counts.get(offset);
      if (deliveryCount === undefined) continue;
      const member = Buffer.from(`,"deliveryCount":${deliveryCount}}`);
      const body = json.subarray(count === 0 ? 1 : 0, -1);
      chunks.push(body, member);
      count += 1;
      sizeBytes += body.length + member.length;
    }
  }
  return { chunks, count, sizeBytes };
}

async function renderRun({
  topic,
  partition,
  batches,
  records,
}: QueueRead): Promise<RenderedRecord[]> {
  const rendered: RenderedRecord[] = [];
  const last = records.at(-1)?.offset ?? -1;
  let offset = records[0]?.offset ?? 0;
  while (offset <= last) {
    const bounds = { topic, partition, offset, recordsMax: last - offset + 1 };
    const run = await renderRunInSlices(batches, { ...bounds, bytesMax: Number.MAX_SAFE_INTEGER });
    if (run.fault !== undefined && run.offsets.length === 0) throw run.fault;
    if (run.nextOffset <= offset) break;
    let start = 0;
    for (const [at, recordOffset] of run.offsets.entries()) {
      const end = run.ends[at] ?? start;
      rendered.push([recordOffset, run.bytes.subarray(start, end)]);
      start = end;
    }
    offset = run.nextOffset;
  }
  return rendered;
}

/** A format that the client chose is rare: each record is rendered by itself. */
function renderEach(
  { topic, partition, batches, records }: QueueRead,
  format: RecordFormat,
): RenderedRecord[] {
  return records.map(({ offset }) => {
    const { chunks } = renderRecords(batches, {
      topic,
      partition,
      format,
      framing: 'array',
      offset,
      recordsMax: 1,
      bytesMax: Number.MAX_SAFE_INTEGER,
    });
    return [offset, Buffer.concat([Buffer.from(','), ...chunks])];
  });
}
