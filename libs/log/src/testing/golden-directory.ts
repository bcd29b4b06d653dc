import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NodeFileSystem } from '#runtime';
import { FakeBroker, filler, testLog } from './log-fixture.js';
import type { PlainRecord } from './record-sets.js';
import { testBatch } from './test-batches.js';

/**
 * Partition directories kept in the repository (see test/interop/kafka/README.md): one that this
 * project writes and Kafka's tools accepted, and those that a Kafka broker wrote.
 */
const FIXTURES = fileURLToPath(
  new URL('../../../../test/interop/kafka/fixtures/', import.meta.url),
);

/** File name to content, in the order of the names. */
export type DirectoryFiles = ReadonlyMap<string, Buffer>;

/** Path of a fixture in the repository. */
export function fixturePath(name: string): string {
  return `${FIXTURES}${name}`;
}

/** @param name below the fixtures, e.g. `kafka/codec-lz4-0` */
export async function fixtureFiles(name: string): Promise<DirectoryFiles> {
  const fileSystem = new NodeFileSystem();
  const files = new Map<string, Buffer>();
  for (const entry of await fileSystem.readDirectory(fixturePath(name))) {
    files.set(entry.name, await fileSystem.readFile(`${fixturePath(name)}/${entry.name}`));
  }
  return inOrder(files);
}

/**
 * Writes the golden partition directory on a fake disk: three segments with index entries, records
 * with keys, headers, nulls and JSON values, two leader epochs, two producers with several batches,
 * and snapshots of them.
 */
export async function writeGoldenDirectory(): Promise<DirectoryFiles> {
  const broker = new FakeBroker();
  const manager = await broker.open();
  const log = await testLog(manager, { 'segment.bytes': '12000' });
  for (let i = 0; i < 16; i += 1) {
    const leaderEpoch = i < 8 ? 0 : 1;
    await log.writer.append([testBatch(plainRecords(i))], { leaderEpoch });
    const producer = {
      producerId: 1000 + (i % 2),
      producerEpoch: i % 2,
      baseSequence: Math.floor(i / 2) * 2,
    };
    const records = ['first', 'second'].map((value) => ({
      key: `p${i}`,
      value,
      timestamp: 5000 + i,
    }));
    await log.writer.append([testBatch(records, producer)], { leaderEpoch });
    log.updateHighWatermark(log.offsets.syncedEnd);
  }
  await manager.close();
  const files = new Map<string, Buffer>();
  for (const name of await broker.names()) {
    files.set(name, await broker.disk.readFile(broker.path(name)));
  }
  return inOrder(files);
}

/** Puts the files of a fixture into the test's partition, as an operator who copies them does. */
export async function placeFixture(broker: FakeBroker, name: string): Promise<void> {
  for (const [fileName, content] of await fixtureFiles(name)) {
    if (fileName === 'partition.metadata') continue;
    const path = broker.path(fileName);
    await broker.disk.removeFile(path);
    const file = await broker.disk.open(path, 'create');
    if (content.length > 0) await file.writev([content], 0);
    await file.datasync();
    await file.close();
  }
  await broker.disk.syncDirectory(dirname(broker.path('any')));
}

function plainRecords(i: number): PlainRecord[] {
  const valueIsJson = 1;
  return [
    { key: `k${i}`, value: `{"number":${i}}`, timestamp: 1000 + i, attributes: valueIsJson },
    {
      key: null,
      value: filler(1500),
      timestamp: 1500 + i,
      headers: [
        ['trace', `t-${i}`],
        ['empty', ''],
        ['none', null],
      ],
    },
    { key: `k${i}`, value: null, timestamp: 1200 + i },
  ];
}

function inOrder(files: ReadonlyMap<string, Buffer>): DirectoryFiles {
  return new Map([...files].toSorted(([left], [right]) => (left < right ? -1 : 1)));
}
