import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FileSystem, NodeFileSystem, SystemRandom } from '#runtime';
import type { MetadataChange, TopicMetadata } from '../metadata.js';
import { EmbeddedStore } from './embedded-store.js';

const ORDERS = { name: 'orders', configs: { 'retention.ms': '1000' }, assignment: [[0], [0]] };
const BROKER = { id: 0, url: null, rack: 'r1' };

describe('EmbeddedStore', () => {
  let dataDir: string;

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'sluice-coordination-'));
  });

  afterEach(() => rm(dataDir, { recursive: true }));

  function open(options: { clusterId?: string; brokerId?: number; fileSystem?: FileSystem } = {}) {
    return EmbeddedStore.open({
      fileSystem: new NodeFileSystem(),
      random: new SystemRandom(),
      dataDir,
      clusterId: 'sluice',
      brokerId: 0,
      ...options,
    });
  }

  it('founds a cluster once: its UUID is the same after a restart', async () => {
    const first = await open();
    const second = await open();
    expect(first.clusterUuid).toMatch(/^[0-9a-f-]{36}$/);
    expect(second.clusterUuid).toBe(first.clusterUuid);
  });

  it('keeps topics, their configs and partition states over a restart', async () => {
    const store = await open();
    const created = await store.createTopic(ORDERS);
    expect(created.partitions).toEqual([
      { replicas: [0], leader: 0, leaderEpoch: 0, isr: [0], partitionEpoch: 0, isNew: true },
      { replicas: [0], leader: 0, leaderEpoch: 0, isr: [0], partitionEpoch: 0, isNew: true },
    ]);
    const reopened = await open();
    expect(reopened.topic('orders')).toEqual(created);
    expect([...reopened.topics()]).toHaveLength(1);
  });

  it("writes partition states in the shape of Kafka's registry", async () => {
    const store = await open();
    await store.createTopic(ORDERS);
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

  it('refuses a topic that is there already, also when two are created at once', async () => {
    const store = await open();
    const results = await Promise.allSettled([
      store.createTopic(ORDERS),
      store.createTopic(ORDERS),
    ]);
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected']);
    await expect(store.createTopic(ORDERS)).rejects.toMatchObject({ code: 'TOPIC_ALREADY_EXISTS' });
  });

  it('alters a topic only from the version that was looked at', async () => {
    const store = await open();
    const created = await store.createTopic(ORDERS);
    const change = changeOf(created, { addedAssignment: [[0]], configs: {} });
    const altered = await store.alterTopic(change);
    expect(altered?.partitions).toHaveLength(3);
    expect(altered?.configs).toEqual({});
    expect(await store.alterTopic(change)).toBeUndefined();
    expect(store.topic('orders')?.partitions).toHaveLength(3);
  });

  it('does not alter or delete a topic that was made again under the same name', async () => {
    const store = await open();
    const first = await store.createTopic(ORDERS);
    expect(await store.deleteTopic('orders', first.id)).toBe(true);
    const second = await store.createTopic(ORDERS);
    expect(second.id).not.toBe(first.id);
    expect(await store.alterTopic(changeOf(first))).toBeUndefined();
    expect(await store.deleteTopic('orders', first.id)).toBe(false);
    expect(store.topic('orders')?.id).toBe(second.id);
  });

  it('remembers deleted topics over a restart', async () => {
    const store = await open();
    const { id } = await store.createTopic(ORDERS);
    await store.deleteTopic('orders', id);
    const reopened = await open();
    expect(reopened.topic('orders')).toBeUndefined();
    expect([...reopened.deletedTopics()]).toEqual([{ name: 'orders', id }]);
  });

  it('raises the leader epochs at every registration, durably', async () => {
    const store = await open();
    await store.createTopic(ORDERS);
    expect((await store.registerBroker(BROKER)).brokerEpoch).toBe(1);
    expect(epochsOf(store)).toEqual([1, 1]);
    const restarted = await open();
    expect(epochsOf(restarted)).toEqual([1, 1]);
    expect((await restarted.registerBroker(BROKER)).brokerEpoch).toBe(2);
    expect(epochsOf(restarted)).toEqual([2, 2]);
    expect(restarted.brokers()).toMatchObject([{ id: 0, rack: 'r1', alive: true }]);
    expect(restarted.controller()).toBe(0);
  });

  it('confirms that logs were made', async () => {
    const store = await open();
    const { id } = await store.createTopic(ORDERS);
    await store.confirmPartitions('orders', id);
    const reopened = await open();
    expect(reopened.topic('orders')?.partitions.map((one) => one.isNew)).toEqual([false, false]);
  });

  it('tells changes in order, after they are durable', async () => {
    const store = await open();
    const changes: MetadataChange[] = [];
    const stop = store.onChange((change) => changes.push(change));
    const created = await store.createTopic(ORDERS);
    await store.alterTopic(changeOf(created));
    await store.deleteTopic('orders', created.id);
    stop();
    await store.createTopic(ORDERS);
    expect(changes.map((change) => change.kind)).toEqual(['topic', 'topic', 'topic-deleted']);
  });

  it('shows nothing of a change that could not be written, and goes on when there is room', async () => {
    const fileSystem = new FullDisk();
    const store = await open({ fileSystem });
    fileSystem.isFull = true;
    await expect(store.createTopic(ORDERS)).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
      outcome: 'failed',
    });
    expect(store.topic('orders')).toBeUndefined();
    fileSystem.isFull = false;
    await store.createTopic(ORDERS);
    expect((await open()).topic('orders')).toBeDefined();
  });

  it('refuses the data directory of another cluster, and of another broker', async () => {
    await open();
    await expect(open({ clusterId: 'other' })).rejects.toMatchObject({
      fault: 'foreign',
      message: `${dataDir} belongs to cluster "sluice", this broker is of "other".`,
    });
    await expect(open({ brokerId: 3 })).rejects.toMatchObject({ fault: 'foreign' });
  });

  it('refuses a damaged file instead of starting empty', async () => {
    const store = await open();
    await store.createTopic(ORDERS);
    const path = join(dataDir, 'coordination.json');
    const bytes = await readFile(path);
    for (const damaged of [flipped(bytes, 40), bytes.subarray(0, -1), Buffer.alloc(0)]) {
      await writeFile(path, damaged);
      await expect(open()).rejects.toMatchObject({ fault: 'damaged' });
    }
  });

  it('refuses a directory whose identity is gone, and one whose topics are gone beside its logs', async () => {
    const store = await open();
    await store.createTopic(ORDERS);
    await mkdir(join(dataDir, 'orders-0'));
    await rm(join(dataDir, 'coordination.json'));
    await expect(open()).rejects.toMatchObject({ fault: 'damaged' });
    await rm(join(dataDir, 'orders-0'), { recursive: true });
    await (await open()).createTopic(ORDERS);
    await rm(join(dataDir, 'meta.json'));
    await expect(open()).rejects.toMatchObject({ fault: 'damaged' });
  });
});

/** This machine's disk, that can be full. */
class FullDisk extends NodeFileSystem {
  isFull = false;

  override async open(path: string, mode: 'read' | 'write' | 'create') {
    if (this.isFull && mode === 'create') {
      throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    }
    return super.open(path, mode);
  }
}

function changeOf(
  topic: TopicMetadata,
  change: { configs?: TopicMetadata['configs']; addedAssignment?: number[][] } = {},
) {
  return {
    name: topic.name,
    topicId: topic.id,
    expectedVersion: topic.version,
    configs: change.configs ?? topic.configs,
    addedAssignment: change.addedAssignment ?? [],
  };
}

function epochsOf(store: EmbeddedStore): number[] | undefined {
  return store.topic('orders')?.partitions.map((partition) => partition.leaderEpoch);
}

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}
