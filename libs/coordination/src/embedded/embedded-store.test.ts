import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32c } from '@node-rs/crc32';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FileSystem, NodeFileSystem, SystemRandom } from '#runtime';
import { decideInSequence } from '../decisions/partition-changes.js';
import { registerBroker } from '../decisions/registration.js';
import { confirmPartitions, createTopic, deleteTopic } from '../decisions/topics.js';
import { JOURNAL_FILE_NAME } from '../journal-file-name.js';
import type { MetadataChange, TopicMetadata } from '../metadata.js';
import { EmbeddedStore } from './embedded-store.js';

const random = new SystemRandom();

describe('EmbeddedStore', () => {
  let dataDir: string;

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'sluice-coordination-'));
  });

  afterEach(() => rm(dataDir, { recursive: true }));

  function open(options: { clusterId?: string; brokerId?: number; fileSystem?: FileSystem } = {}) {
    return EmbeddedStore.open({
      fileSystem: new NodeFileSystem(),
      random,
      dataDir,
      clusterId: 'sluice',
      brokerId: 0,
      ...options,
    });
  }

  it('founds a cluster once and keeps its UUID over a restart', async () => {
    const first = await open();
    const second = await open();
    expect(first.clusterUuid).toMatch(/^[0-9a-f-]{36}$/);
    expect(second.clusterUuid).toBe(first.clusterUuid);
    expect(second.dataDirUuid).toBe(first.dataDirUuid);
  });

  it('keeps its whole state over a restart', async () => {
    const store = await open();
    await register(store);
    const topic = await createOrders(store);
    expect(topic.partitions).toMatchObject([{ leader: 0, isr: [0] }, { isNew: true }]);
    const reopened = await open();
    expect(reopened.state).toEqual(store.state);
    expect(reopened.journaledVersion).toBe(2);
  });

  it("writes partition states in the shape of Kafka's registry", async () => {
    const store = await open();
    await register(store);
    await createOrders(store);
    const [line] = (await readFile(join(dataDir, 'coordination.json'), 'utf8')).split('\n');
    const document = JSON.parse(line ?? '') as {
      topics: Record<string, { partitions: unknown[] }>;
    };
    expect(document.topics['orders']?.partitions[0]).toMatchObject({
      leader: 0,
      leader_epoch: 0,
      isr: [0],
    });
  });

  it('runs updates one after the other, each on the result of the previous one', async () => {
    const store = await open();
    await register(store);
    const results = await Promise.allSettled([createOrders(store), createOrders(store)]);
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected']);
    await expect(createOrders(store)).rejects.toMatchObject({ code: 'TOPIC_ALREADY_EXISTS' });
  });

  it('writes nothing when there are no changes', async () => {
    const store = await open();
    const state = await store.update(() => []);
    expect(state).toBe(store.state);
    expect(state.version).toBe(0);
  });

  it('raises the leader epochs durably at every registration', async () => {
    const store = await open();
    await register(store);
    await createOrders(store);
    await register(store);
    expect(store.state.brokers.get(0)?.brokerEpoch).toBe(3);
    expect(epochsOf(store)).toEqual([1, 1]);
    const restarted = await open();
    expect(epochsOf(restarted)).toEqual([1, 1]);
    await register(restarted);
    expect(restarted.state.brokers.get(0)?.brokerEpoch).toBe(4);
    expect(epochsOf(restarted)).toEqual([2, 2]);
  });

  it('remembers deleted topics and confirmed partitions over a restart', async () => {
    const store = await open();
    await register(store);
    const first = await createOrders(store);
    await store.update((state) => deleteTopic(state, 'orders', first.id));
    const { id } = await createOrders(store);
    await store.update((state) => confirmPartitions(state, 'orders', id, [0, 1]));
    const { topics, deletedTopics } = (await open()).state;
    expect(topics.get('orders')?.partitions.map((one) => one.isNew)).toEqual([false, false]);
    expect([...deletedTopics.values()]).toEqual([{ name: 'orders', id: first.id }]);
  });

  it('reports changes in order, with the state that has them, after they are durable', async () => {
    const store = await open();
    const changes: [MetadataChange['kind'], number][] = [];
    const stop = store.onChange((change, state) => changes.push([change.kind, state.version]));
    await register(store);
    const { id } = await createOrders(store);
    const both = decideInSequence(
      (state) => confirmPartitions(state, 'orders', id, [0]),
      (state) => deleteTopic(state, 'orders', id),
    );
    await store.update(both);
    stop();
    await createOrders(store);
    expect(changes).toEqual([
      ['broker', 1],
      ['topic', 2],
      ['partitions', 3],
      ['topic-deleted', 3],
    ]);
  });

  it('hides an update that was not written, and continues when the disk has space', async () => {
    const fileSystem = new FullDisk();
    const store = await open({ fileSystem });
    await register(store);
    fileSystem.isFull = true;
    const reported: MetadataChange[] = [];
    store.onChange((change) => reported.push(change));
    await expect(createOrders(store)).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
      outcome: 'failed',
    });
    expect(store.state.topics.size).toBe(0);
    expect(reported).toEqual([]);
    fileSystem.isFull = false;
    await createOrders(store);
    expect((await open()).state.topics.has('orders')).toBe(true);
  });

  it('opens a file of the first version, whose partitions have no election id', async () => {
    const store = await open();
    await register(store);
    await createOrders(store);
    await writeFile(join(dataDir, 'coordination.json'), FIRST_FORMAT);
    const reopened = await open();
    expect(reopened.state.topics.get('events')?.partitions).toEqual([
      {
        replicas: [0],
        leader: 0,
        leaderEpoch: 2,
        electionId: '',
        isr: [0],
        partitionEpoch: 2,
        isNew: false,
      },
    ]);
    await register(reopened);
    expect(reopened.state.brokers.get(0)?.brokerEpoch).toBe(6);
    expect(reopened.state.topics.get('events')?.partitions[0]?.leaderEpoch).toBe(3);
  });

  it('refuses the data directory of another cluster or broker', async () => {
    await open();
    await expect(open({ clusterId: 'other' })).rejects.toMatchObject({
      fault: 'foreign',
      message: `${dataDir} belongs to cluster "sluice", this broker belongs to "other".`,
    });
    await expect(open({ brokerId: 3 })).rejects.toMatchObject({ fault: 'foreign' });
  });

  it('refuses a damaged file instead of starting empty', async () => {
    const store = await open();
    await register(store);
    const path = join(dataDir, 'coordination.json');
    const bytes = await readFile(path);
    for (const damaged of [flipped(bytes, 40), bytes.subarray(0, -1), Buffer.alloc(0)]) {
      await writeFile(path, damaged);
      await expect(open()).rejects.toMatchObject({ fault: 'damaged' });
    }
  });

  it('refuses a file of a later version, and the directory of a broker of a cluster', async () => {
    await register(await open());
    const path = join(dataDir, 'coordination.json');
    const [line = ''] = (await readFile(path, 'utf8')).split('\n');
    const later = line.replace('"format_version":1', '"format_version":2');
    const checksum = crc32c(later).toString(16).padStart(8, '0');
    await writeFile(path, `${later}\ncrc32c ${checksum}\n`);
    await expect(open()).rejects.toMatchObject({
      fault: 'newer-format',
      message: `${path} has format version 2, this version reads 1.`,
    });
    await writeFile(join(dataDir, JOURNAL_FILE_NAME), '');
    await expect(open()).rejects.toMatchObject({
      fault: 'foreign',
      message: expect.stringContaining('belongs to a broker of a cluster in Redis'),
    });
  });

  it('refuses a directory without its identity, and one with logs but without topics', async () => {
    const store = await open();
    await register(store);
    await mkdir(join(dataDir, 'orders-0'));
    await rm(join(dataDir, 'coordination.json'));
    await expect(open()).rejects.toMatchObject({ fault: 'damaged' });
    await rm(join(dataDir, 'orders-0'), { recursive: true });
    await register(await open());
    await rm(join(dataDir, 'meta.json'));
    await expect(open()).rejects.toMatchObject({ fault: 'damaged' });
  });
});

/** A document in the format of the first release. */
const FIRST_FORMAT =
  '{"format_version":1,"metadata_version":5,"broker_epoch":3,"topics":{"events":{"id":' +
  '"2c4d2d0e-8a38-4b1e-9f5c-0d9d3b0a6a11","version":4,"configs":{},"partitions":[{"leader":0,' +
  '"leader_epoch":2,"isr":[0],"replicas":[0],"partition_epoch":2}]}},"deleted_topics":[]}\n' +
  'crc32c f6fdfc1e\n';

/** The file system of this machine with a switch for a full disk. */
class FullDisk extends NodeFileSystem {
  isFull = false;

  override async open(path: string, mode: 'read' | 'write' | 'create') {
    if (this.isFull && mode === 'create') {
      throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    }
    return super.open(path, mode);
  }
}

async function register(store: EmbeddedStore): Promise<void> {
  const { dataDirUuid } = store;
  const registrant = { id: 0, url: null, clusterUrl: null, rack: 'r1', dataDirUuid };
  await store.update((state) => registerBroker(state, registrant, random));
}

async function createOrders(store: EmbeddedStore): Promise<TopicMetadata> {
  const id = random.uuid();
  const topic = { name: 'orders', id, configs: { 'retention.ms': '1000' }, assignment: [[0], [0]] };
  const state = await store.update((before) => createTopic(before, topic, random));
  const created = state.topics.get('orders');
  if (created === undefined) throw new Error('the topic is not there');
  return created;
}

function epochsOf(store: EmbeddedStore): number[] | undefined {
  return store.state.topics.get('orders')?.partitions.map((partition) => partition.leaderEpoch);
}

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}
