import { rm } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CoordinationStore, EmbeddedStore } from '#coordination';
import { NodeFileSystem, SystemRandom } from '#runtime';
import { create, registerTestBroker } from '../../libs/coordination/src/testing/conformance.js';
import { RedisServer } from '../support/redis-server.js';
import { TcpRelay } from '../support/tcp-relay.js';
import { RedisStores } from './redis-stores.js';

const IDS = [0, 1, 2];
const AWAY = { code: 'BROKER_NOT_AVAILABLE' };
/** Settings of a Redis that writes dumps only when a test asks for them. */
const DUMPING = ['--save', '', '--dbfilename', 'dump.rdb'];

let redis: RedisServer;
let stores: RedisStores;
let brokers: CoordinationStore[];

beforeEach(async () => {
  redis = await RedisServer.start(DUMPING);
  stores = new RedisStores(redis.url);
  brokers = await Promise.all(IDS.map((id) => stores.open(id)));
  for (const id of IDS) await join(id);
  await create(at(0), 'events', 3);
  await agreed();
});

afterEach(async () => {
  await stores.close();
  await redis.close();
});

function at(id: number): CoordinationStore {
  const store = brokers[id];
  if (store === undefined) throw new Error(`there is no broker ${id}`);
  return store;
}

async function join(id: number): Promise<void> {
  const { brokers: registered } = await registerTestBroker(at(id), id);
  await at(id).renewLease({ brokerId: id, brokerEpoch: registered.get(id)?.brokerEpoch ?? 0 }, 500);
}

async function renewAll(): Promise<void> {
  for (const id of IDS) await at(id).renewLease({ brokerId: id, brokerEpoch: id + 1 }, 500);
}

/** Resolves when all brokers (or these) know the same state and can change it. */
async function agreed(ids = IDS): Promise<void> {
  const newest = (): number => Math.max(...ids.map((id) => at(id).state.version));
  await stores.until(() =>
    ids.every((id) => at(id).isAvailable && at(id).state.version === newest()),
  );
  for (const id of ids) expect(at(id).state).toEqual(at(ids[0] ?? 0).state);
}

/** Asserts that Redis has the state that the brokers know. */
async function expectWhole(): Promise<void> {
  const { version, changeId } = at(0).state;
  expect(await redis.cli('GET', '{c}:version')).toBe(`${version} ${changeId}`);
  const partition = await redis.cli('GET', '{c}:brokers:topics:events:partitions:2:state');
  expect(JSON.parse(partition)).toMatchObject({ isr: [0, 1, 2], replicas: [0, 1, 2] });
}

async function topicsAfter(name: string): Promise<string[]> {
  await create(at(1), name);
  await agreed();
  return [...at(2).state.topics.keys()].toSorted();
}

describe('a Redis that is emptied or returns in an earlier state', () => {
  it('has everything again after FLUSHALL without lost connections', async () => {
    const { version } = at(0).state;
    await redis.cli('FLUSHALL');
    await stores.until(() => IDS.every((id) => at(id).state.version > version));
    await agreed();
    await expectWhole();
    expect(await topicsAfter('later')).toEqual(['events', 'later']);
  });

  it('has everything again after a restart without data', async () => {
    await redis.restart();
    await stores.until(() => !at(0).isAvailable || at(0).state.version > 1000);
    await agreed();
    await expectWhole();
    expect(await topicsAfter('later')).toEqual(['events', 'later']);
  });

  it('has the commits after its last dump again', async () => {
    await redis.cli('SAVE');
    await create(at(0), 'not dumped');
    await agreed();
    const { version } = at(0).state;
    await redis.restart();
    await stores.until(() => IDS.every((id) => at(id).state.version > version));
    await agreed();
    expect(await topicsAfter('later')).toEqual(['events', 'later', 'not dumped']);
  });

  it('is rebuilt by restarted brokers too, but not by an empty disk', async () => {
    for (const id of IDS) await at(id).close();
    await redis.restart();
    const alone = await stores.open(0);
    expect(alone.state.topics.has('events')).toBe(true);
    expect(alone.isAvailable).toBe(false);
    await Promise.all([
      expect(create(alone, 'alone')).rejects.toMatchObject({ ...AWAY, outcome: 'failed' }),
      expect(stores.open(7)).rejects.toMatchObject(AWAY),
    ]);
    brokers = [alone, await stores.open(1), await stores.open(2)];
    await stores.until(() => IDS.every((id) => at(id).isAvailable));
    for (const id of IDS) await join(id);
    expect(await topicsAfter('later')).toEqual(['events', 'later']);
  });

  it('refuses commits as another process, even without a lost connection', async () => {
    await redis.cli('SET', '{c}:confirmed-by', '0123456789abcdef');
    await renewAll();
    await create(at(0), 'later');
    await agreed();
    expect(at(0).state.version).toBeGreaterThan(2 ** 32);
    expect([...at(0).state.topics.keys()].toSorted()).toEqual(['events', 'later']);
  });

  it('is rebuilt when its version goes back within the same process', async () => {
    const older = await redis.cli('GET', '{c}:version');
    await create(at(0), 'later');
    await agreed();
    await redis.cli('SET', '{c}:version', older);
    await renewAll();
    await stores.until(() => at(0).state.version >= 2 ** 32);
    await agreed();
    await expectWhole();
    expect(at(0).state.topics.has('later')).toBe(true);
  });

  it('gets an evicted value back once the loss is noticed', async () => {
    await redis.cli('DEL', '{c}:brokers:topics:events:partitions:1:state');
    await redis.cli('CLIENT', 'KILL', 'TYPE', 'normal');
    await stores.until(() => at(0).state.version > 1000);
    await agreed();
    await expectWhole();
    expect(stores.logged).toContainEqual(
      expect.objectContaining({
        level: 'error',
        fields: expect.objectContaining({ fault: 'incomplete' }),
      }),
    );
  });
});

describe('a Redis that is away, hangs, or loses replies', () => {
  it('lets a broker catch up that missed more commits than the stream has', async () => {
    await at(2).close();
    const { id } = await create(at(0), 'made');
    await redis.cli('XTRIM', '{c}:changes', 'MAXLEN', '0');
    brokers[2] = await stores.open(2);
    await agreed();
    expect(at(2).state.topics.get('made')?.id).toBe(id);
  });

  it('applies an update once whose reply was lost', async () => {
    const relay = await TcpRelay.start(redis.port);
    const dataDir = await stores.dataDir(9);
    const url = `redis://127.0.0.1:${relay.port}`;
    const store = await stores.open(9, { url, dataDir });
    const { version } = store.state;
    relay.cut({ direction: 'from-target' });
    const registering = registerTestBroker(store, 9);
    await stores.until(() => at(0).state.brokers.has(9));
    relay.refuse();
    relay.heal();
    await registering;
    expect(store.state.version).toBe(version + 1);
    expect(store.state.brokers.get(9)?.brokerEpoch).toBe(version + 1);
    await store.close();
    await relay.close();
  });

  it('fails updates with unknown outcome while it hangs', async () => {
    redis.pause();
    await expect(create(at(0), 'late')).rejects.toMatchObject({ ...AWAY, outcome: 'unknown' });
    expect(at(0).isAvailable).toBe(false);
    await expect(create(at(0), 'never')).rejects.toMatchObject({ ...AWAY, outcome: 'failed' });
    expect([...at(0).state.topics.keys()]).toEqual(['events']);
    redis.resume();
    await agreed();
    expect(await topicsAfter('later')).toEqual(
      expect.arrayContaining(['events', 'later']) as string[],
    );
    expect(at(0).state.topics.has('never')).toBe(false);
  });

  it('is needed for changes, but not to open a directory with a journal', async () => {
    const { state } = at(0);
    await at(0).close();
    await redis.kill();
    const [store] = await Promise.all([
      stores.open(0),
      expect(stores.open(7)).rejects.toMatchObject(AWAY),
    ]);
    expect(store.state).toEqual(state);
    expect(store.isAvailable).toBe(false);
    await redis.restart();
    brokers[0] = store;
    await agreed();
  });
});

describe('the owner of a data directory', () => {
  it('refuses a directory of another cluster of the same name', async () => {
    const other = await RedisServer.start();
    const others = new RedisStores(other.url);
    await others.open(0);
    const dataDir = await others.dataDir(0);
    await expect(stores.open(0, { dataDir })).rejects.toMatchObject({
      fault: 'foreign',
      message: expect.stringContaining('belongs to another cluster "c"'),
    });
    await others.close();
    await other.close();
  });

  it('moves the topics of a single broker into a cluster, but not back', async () => {
    const dataDir = await stores.dataDir(5);
    const options = { clusterId: 'alone', brokerId: 5, dataDir, random: new SystemRandom() };
    const embedded = await EmbeddedStore.open({ ...options, fileSystem: new NodeFileSystem() });
    await registerTestBroker(embedded, 5);
    await create(embedded, 'kept');
    const { state, clusterUuid } = embedded;
    await embedded.close();
    const store = await stores.open(5, { clusterId: 'alone' });
    expect(store.clusterUuid).toBe(clusterUuid);
    expect(store.state).toEqual(state);
    const other = await stores.open(6, { clusterId: 'alone' });
    expect(other.state.topics.has('kept')).toBe(true);
    await store.close();
    const again = EmbeddedStore.open({ ...options, fileSystem: new NodeFileSystem() });
    await expect(again).rejects.toMatchObject({ fault: 'foreign' });
  });

  it('accepts a replaced disk, which learns the state of the others', async () => {
    await at(2).close();
    const before = at(2).dataDirUuid;
    await rm(await stores.dataDir(2), { recursive: true });
    brokers[2] = await stores.open(2);
    expect(at(2).dataDirUuid).not.toBe(before);
    await agreed();
  });
});

describe('the check of Redis settings', () => {
  it('warns of a Redis that writes nothing to disk or evicts keys', async () => {
    const messages = (): string[] => stores.logged.map(({ message }) => message);
    expect(messages()).toContainEqual(expect.stringContaining('writes nothing to disk'));
    expect(messages()).not.toContainEqual(expect.stringContaining('evicts keys'));
    await redis.cli('CONFIG', 'SET', 'maxmemory', '100mb');
    await redis.cli('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    stores.logged.length = 0;
    await redis.cli('CONFIG', 'SET', 'appendonly', 'yes');
    await stores.open(4);
    expect(messages()).toContainEqual(expect.stringContaining('evicts keys'));
    expect(messages()).not.toContainEqual(expect.stringContaining('writes nothing to disk'));
  });
});
