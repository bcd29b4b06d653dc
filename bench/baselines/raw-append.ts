/**
 * Appends the same bytes in two ways, each in a process of its own, and prints one JSON line.
 *
 * raw-append raw|log DIRECTORY DURATION_MS
 *
 * `raw` writes GATHERED batches per writev, one writev after the other. `log` keeps GATHERED
 * appends of one batch in flight with `os` durability; the log groups them into rounds.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeRecordBatches, LogManager, silentLogObserver } from '#log';
import { parseTopicConfig, RECORD_STRIDE } from '#protocol';
import { NodeFileSystem, SystemClock, SystemRandom, SystemScheduler, silentLogger } from '#runtime';

const RECORDS = 100;
const RECORD_BYTES = 100;
const GATHERED = 64;
/**
 * Number of buffers used in turn: more than a round and the tail cache hold, so that no buffer is
 * stamped twice at once.
 */
const BUFFERS = 1024;

const [mode = '', directory = '', durationMs = '1000'] = process.argv.slice(2);
const batch = makeBatch();
const buffers = Array.from({ length: BUFFERS }, () => Buffer.from(batch));
const startedMs = performance.now();
const endMs = startedMs + Number(durationMs);
const bytes = mode === 'raw' ? await appendRaw() : await appendToLog();
const seconds = (performance.now() - startedMs) / 1000;
console.log(JSON.stringify({ bytesPerSecond: bytes / seconds }));
process.exit(0);

async function appendRaw(): Promise<number> {
  const file = await open(join(directory, 'raw'), 'w');
  let position = 0;
  for (let turn = 0; performance.now() < endMs; turn += GATHERED) {
    const at = turn % BUFFERS;
    const { bytesWritten } = await file.writev(buffers.slice(at, at + GATHERED), position);
    position += bytesWritten;
  }
  await file.close();
  return position;
}

async function appendToLog(): Promise<number> {
  const manager = await openLogs();
  const config = parseTopicConfig({}, 1);
  const target = { topic: 'bench', partition: 0 };
  const log = await manager.createLog(target, '00000000-0000-4000-8000-000000000000', config);
  let next = 0;
  let appended = 0;
  const appendInTurn = async (): Promise<void> => {
    while (performance.now() < endMs) {
      const buffer = buffers[next % BUFFERS] as Buffer;
      next += 1;
      await log.writer.append([buffer], { leaderEpoch: 0 });
      appended += buffer.length;
    }
  };
  await Promise.all(Array.from({ length: GATHERED }, appendInTurn));
  await manager.close();
  return appended;
}

function openLogs(): Promise<LogManager> {
  return LogManager.open(
    {
      dataDir: directory,
      durability: 'os',
      syncsInFlightMax: 4,
      tailCacheBytes: 2 ** 20,
      producerBatchesRemembered: 512,
      producerIdExpirationMs: 60_000,
    },
    {
      fileSystem: new NodeFileSystem(),
      clock: new SystemClock(),
      scheduler: new SystemScheduler(),
      random: new SystemRandom(),
      logger: silentLogger,
      observer: silentLogObserver,
    },
  );
}

function makeBatch(): Buffer {
  const source = Buffer.alloc(RECORDS * RECORD_BYTES, 'x');
  const fields: number[] = [];
  for (let index = 0; index < RECORDS; index += 1) {
    const record = Array.from({ length: RECORD_STRIDE }, () => 0);
    record.splice(0, 6, index * RECORD_BYTES, (index + 1) * RECORD_BYTES, -1, -1, 0, 0);
    record.splice(8, 2, -1, -1);
    fields.push(...record);
  }
  const records = { source, decoded: new Uint8Array(0), count: RECORDS, fields };
  const options = {
    nowMs: Date.now(),
    timestampType: 'CreateTime' as const,
    batchSizeBytes: 2 ** 20,
    maxBatchBytes: 2 ** 20,
  };
  const [encoded] = encodeRecordBatches([{ records, indexes: undefined }], options).batches;
  if (encoded === undefined) throw new Error('no batch');
  return encoded;
}
