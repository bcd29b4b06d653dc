import type { RecordBatch } from '#log';
import type { Offset } from '#protocol';
import type { RecordFormat } from './record-frame.js';
import {
  type RenderedBatch,
  type RenderedRun,
  renderRecords,
  renderRunInSlices,
} from './render-records.js';

/** Records of one partition that a member of a queue received, with the batches that have them. */
export interface QueuedRecords {
  readonly topic: string;
  readonly partition: number;
  readonly batches: readonly RecordBatch[];
  /** The records to render, by offset; the batches have others, too. */
  readonly records: readonly { readonly offset: Offset; readonly deliveryCount: number }[];
}

/** A rendered record: its offset, and its JSON object with a comma before it. */
type RenderedRecord = readonly [offset: Offset, json: Buffer];

/**
 * Renders records with the numbers of their deliveries.
 * @throws ProtocolError CORRUPT_MESSAGE, UNSUPPORTED_COMPRESSION_TYPE
 */
export async function renderQueueRecords(
  queued: QueuedRecords,
  format: RecordFormat,
): Promise<RenderedBatch> {
  const rendered = format === 'default' ? await renderAll(queued) : renderEach(queued, format);
  const counts = new Map(queued.records.map((record) => [record.offset, record.deliveryCount]));
  const offsets: Offset[] = [];
  const ends: number[] = [];
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  for (const [offset, json] of rendered) {
    const deliveryCount = counts.get(offset);
    if (deliveryCount === undefined) continue;
    const member = Buffer.from(`,"deliveryCount":${deliveryCount}}`);
    pieces.push(json.subarray(0, -1), member);
    sizeBytes += json.length - 1 + member.length;
    offsets.push(offset);
    ends.push(sizeBytes);
  }
  return { bytes: Buffer.concat(pieces, sizeBytes), offsets, ends };
}

async function renderAll({
  topic,
  partition,
  batches,
  records,
}: QueuedRecords): Promise<RenderedRecord[]> {
  const rendered: RenderedRecord[] = [];
  const last = records.at(-1)?.offset ?? -1;
  let offset = records[0]?.offset ?? 0;
  while (offset <= last) {
    const bounds = { topic, partition, offset, recordsMax: last - offset + 1 };
    const run = await renderRunInSlices(batches, { ...bounds, bytesMax: Number.MAX_SAFE_INTEGER });
    if (run.nextOffset <= offset) break;
    rendered.push(...recordsOf(run));
    offset = run.nextOffset;
  }
  return rendered;
}

function* recordsOf({ offsets, ends, bytes }: RenderedRun): Iterable<RenderedRecord> {
  let start = 0;
  for (const [at, offset] of offsets.entries()) {
    const end = ends[at] ?? start;
    yield [offset, bytes.subarray(start, end)];
    start = end;
  }
}

/** A format that the client chose is rare: each record is rendered by itself. */
function renderEach(
  { topic, partition, batches, records }: QueuedRecords,
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
