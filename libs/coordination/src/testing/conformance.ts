/**
 * Tests of the behaviour that every coordination store must have: the embedded store, the one in
 * Redis and the fake.
 */
import { describe, expect, it } from 'vitest';
import { SystemRandom } from '#runtime';
import type { ClusterState } from '../cluster-state.js';
import type { CoordinationStore } from '../coordination-store.js';
import { electController } from '../decisions/controller.js';
import { brokerDied } from '../decisions/elections.js';
import { decideInSequence } from '../decisions/partition-changes.js';
import { registerBroker } from '../decisions/registration.js';
import { alterTopic, confirmPartitions, createTopic, deleteTopic } from '../decisions/topics.js';
import type { MetadataChange } from '../metadata.js';

/** Access of a suite to stores. All opened stores are closed after each test. */
export interface StoresUnderTest {
  /** True when several brokers can share one cluster; otherwise only broker 0 is opened. */
  readonly isShared: boolean;
  /** Opens the store of a broker, also again after it was closed. */
  open(brokerId: number): Promise<CoordinationStore>;
  /** Settles like a promise, and lets time pass if it has to. */
  whileTimePasses<T>(promise: Promise<T>): Promise<T>;
  /** Resolves when `condition` is true. */
  until(condition: () => boolean): Promise<void>;
}

const random = new SystemRandom();

/** @param stores the stores of a cluster that only the running test uses */
export function describeCoordinationStore(name: string, stores: () => StoresUnderTest): void {
  describe(`${name} as a coordination store`, () => {
    describeUpdates(stores);
    describeRestarts(stores);
    describeListeners(stores);
    describeLeases(stores);
    describeSharing(stores);
    describeNewBrokers(stores);
  });
}

function describeUpdates(stores: () => StoresUnderTest): void {
  it('starts empty and identifies its cluster', async () => {
    const store = await stores().open(0);
    expect(store.state).toMatchObject({ version: 0, controller: null });
    expect(store.state.brokers.size + store.state.topics.size).toBe(0);
    expect(store.clusterUuid).toMatch(UUID);
    expect(store.dataDirUuid).toMatch(UUID);
    expect(store.isAvailable).toBe(true);
  });

  it('resolves with the changed state, and shows it', async () => {
    const store = await stores().open(0);
    const state = await registerTestBroker(store, 0);
    expect(state).toBe(store.state);
    expect(state.version).toBe(1);
    expect(state.brokers.get(0)).toMatchObject({ brokerEpoch: 1, alive: true });
    expect(store.journaledVersion).toBe(1);
    await stores().whileTimePasses(store.whenJournaled(1, 2000));
  });

  it('keeps a moving partition and a held setting over a restart', async () => {
    const store = await stores().open(0);
    await registerTestBroker(store, 0);
    await create(store, 'events');
    const { topics } = await store.update((state) => moving(state, 'events'));
    await store.close();
    const reopened = await stores().open(0);
    expect(reopened.state.topics).toEqual(topics);
    expect(reopened.state.topics.get('events')).toMatchObject({
      minInsyncHold: { replicas: 2 },
      partitions: [{ reassignment: { from: [0], to: [7, 8] } }],
    });
  });

  it('commits nothing without changes, and rejects with the error of the decision', async () => {
    const store = await stores().open(0);
    expect(await store.update(() => [])).toBe(store.state);
    const failure = new Error('no');
    const failing = store.update(() => {
      throw failure;
    });
    await expect(failing).rejects.toBe(failure);
    expect(store.state.version).toBe(0);
  });

  it('runs overlapping updates in order, each on the result of the previous one', async () => {
    const store = await stores().open(0);
    await registerTestBroker(store, 0);
    const names = ['a', 'b', 'a', 'c'];
    const results = await Promise.allSettled(names.map((name) => create(store, name)));
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    expect([...store.state.topics.keys()].toSorted()).toEqual(['a', 'b', 'c']);
    expect(store.state.version).toBe(4);
  });
}

function describeRestarts(stores: () => StoresUnderTest): void {
  it('keeps all commits and its identity when it is opened again', async () => {
    const store = await stores().open(0);
    await registerTestBroker(store, 0);
    await store.update((state) => electController(state, 0, null));
    await create(store, 'kept', 3);
    const { id } = await create(store, 'gone');
    await store.update((state) => deleteTopic(state, 'gone', id));
    const kept = store.state.topics.get('kept')?.id ?? '';
    await store.update((state) => confirmPartitions(state, 'kept', kept, [1]));
    const { state, clusterUuid, dataDirUuid } = store;
    await store.close();
    const reopened = await stores().open(0);
    expect(reopened.state).toEqual(state);
    expect(reopened).toMatchObject({ clusterUuid, dataDirUuid });
  });

  it('creates and removes every kind of metadata', async () => {
    const store = await stores().open(0);
    await registerTestBroker(store, 0);
    const { id } = await create(store, 'events', 2);
    const change = { name: 'events', topicId: id, configs: { 'retention.ms': '9' } };
    await store.update((state) => alterTopic(state, { ...change, addedAssignment: [[0]] }, random));
    await store.update(addDeadBroker);
    await store.update(() => [{ kind: 'broker-removed', id: 9 }]);
    await store.update(
      decideInSequence(
        (state) => deleteTopic(state, 'events', id),
        (state) => createTopic(state, topicOf('events', 1), random),
      ),
    );
    const { state } = store;
    expect([...state.brokers.keys()]).toEqual([0]);
    expect(state.topics.get('events')).toMatchObject({ version: 0, configs: {} });
    expect(state.topics.get('events')?.partitions).toHaveLength(1);
    expect(state.deletedTopics.get(id)).toEqual({ name: 'events', id });
    await store.close();
    expect((await stores().open(0)).state).toEqual(state);
  });
}

function describeListeners(stores: () => StoresUnderTest): void {
  it('reports every change in order, with the state after its commit', async () => {
    const store = await stores().open(0);
    const reported: [MetadataChange['kind'], number][] = [];
    const stop = store.onChange((change, state) => {
      reported.push([change.kind, state.version]);
      expect(store.state).toBe(state);
    });
    await registerTestBroker(store, 0);
    const { id } = await create(store, 'events');
    await store.update(
      decideInSequence(
        (state) => confirmPartitions(state, 'events', id, [0]),
        (state) => deleteTopic(state, 'events', id),
      ),
    );
    stop();
    await create(store, 'later');
    expect(reported).toEqual([
      ['broker', 1],
      ['topic', 2],
      ['partitions', 3],
      ['topic-deleted', 3],
    ]);
  });
}

function describeLeases(stores: () => StoresUnderTest): void {
  it('shows a new value with every lease renewal', async () => {
    const store = await stores().open(0);
    await registerTestBroker(store, 0);
    expect((await store.leases(1000)).get(0)).toBeUndefined();
    const lease = { brokerId: 0, brokerEpoch: 1 };
    const seen = new Set<string | undefined>();
    for (let renewals = 0; renewals < 3; renewals += 1) {
      await store.renewLease(lease, 1000);
      seen.add((await store.leases(1000)).get(0));
      seen.add((await store.leases(1000)).get(0));
    }
    expect(seen.size).toBe(3);
    expect(seen).not.toContain(undefined);
  });

  it('refuses the lease of a dead process, and accepts that of its next registration', async () => {
    const store = await stores().open(0);
    await registerTestBroker(store, 0);
    const lease = { brokerId: 0, brokerEpoch: epochOf(store) };
    await store.renewLease(lease, 1000);
    const process = { id: 0, brokerEpoch: lease.brokerEpoch };
    await store.update((state) => brokerDied(state, process, random));
    const dead = store.renewLease(lease, 1000);
    await expect(dead).rejects.toMatchObject({ code: 'BROKER_NOT_AVAILABLE', retriable: false });
    await registerTestBroker(store, 0);
    await store.renewLease({ brokerId: 0, brokerEpoch: epochOf(store) }, 1000);
  });

  it('refuses the lease of a process that was replaced', async () => {
    const store = await stores().open(0);
    await store.renewLease({ brokerId: 0, brokerEpoch: 10 }, 1000);
    const late = store.renewLease({ brokerId: 0, brokerEpoch: 9 }, 1000);
    await expect(late).rejects.toMatchObject({ code: 'BROKER_NOT_AVAILABLE', retriable: false });
  });
}

function describeSharing(stores: () => StoresUnderTest): void {
  it('keeps brokers of one cluster in agreement', async ({ skip }) => {
    if (!stores().isShared) skip();
    const [first, second] = await Promise.all([stores().open(0), stores().open(1)]);
    expect(second.clusterUuid).toBe(first.clusterUuid);
    expect(second.dataDirUuid).not.toBe(first.dataDirUuid);
    await Promise.all([registerTestBroker(first, 0), registerTestBroker(second, 1)]);
    const names = Array.from({ length: 12 }, (_, number) => `topic-${number}`);
    await Promise.all(names.map((name, index) => create(index % 2 === 0 ? first : second, name)));
    await stores().until(() => first.state.version === 14 && second.state.version === 14);
    expect(first.state).toEqual(second.state);
    expect([...first.state.topics.keys()].toSorted()).toEqual(names.toSorted());
    const epochs = Array.from(first.state.brokers.values(), (broker) => broker.brokerEpoch);
    expect(new Set(epochs).size).toBe(2);
  });

  it('lets one of two conflicting updates win', async ({ skip }) => {
    if (!stores().isShared) skip();
    const [first, second] = await Promise.all([stores().open(0), stores().open(1)]);
    await registerTestBroker(first, 0);
    await registerTestBroker(second, 1);
    const results = await Promise.allSettled([create(first, 'same'), create(second, 'same')]);
    expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    await stores().until(() => first.state.version === second.state.version);
    expect(first.state).toEqual(second.state);
  });

  it('reports the same changes on another broker, also those missed while it was closed', async ({
    skip,
  }) => {
    if (!stores().isShared) skip();
    const [first, second] = await Promise.all([stores().open(0), stores().open(1)]);
    await registerTestBroker(first, 0);
    await stores().until(() => second.state.version === 1);
    await second.close();
    const { id } = await create(first, 'events');
    await create(first, 'gone');
    const reopened = await stores().open(1);
    await stores().until(() => reopened.state.version === first.state.version);
    const reported: MetadataChange['kind'][] = [];
    reopened.onChange((change) => reported.push(change.kind));
    await first.update((state) => confirmPartitions(state, 'events', id, [0]));
    await first.update((state) => deleteTopic(state, 'events', id));
    await stores().until(() => reopened.state.version === first.state.version);
    expect(reported).toEqual(['partitions', 'topic-deleted']);
    expect(reopened.state).toEqual(first.state);
  });
}

function describeNewBrokers(stores: () => StoresUnderTest): void {
  it('shows a moving partition and a held setting to a new broker', async ({ skip }) => {
    if (!stores().isShared) skip();
    const first = await stores().open(0);
    await registerTestBroker(first, 0);
    await create(first, 'events');
    await first.update((state) => moving(state, 'events'));
    const second = await stores().open(1);
    await stores().until(() => second.state.version === first.state.version);
    expect(second.state).toEqual(first.state);
  });

  it('resolves when a majority has a version on disk', async ({ skip }) => {
    if (!stores().isShared) skip();
    const [first, second] = await Promise.all([stores().open(0), stores().open(1)]);
    await registerTestBroker(first, 0);
    await registerTestBroker(second, 1);
    const { version } = await first.update((state) => createTopic(state, topicOf('t', 1), random));
    await stores().whileTimePasses(first.whenJournaled(version, 2000));
    await stores().until(() => second.state.version === version);
    await second.close();
    const later = await first.update((state) => createTopic(state, topicOf('u', 1), random));
    const waiting = stores().whileTimePasses(first.whenJournaled(later.version, 50));
    await expect(waiting).rejects.toMatchObject({
      code: 'BROKER_NOT_AVAILABLE',
      outcome: 'unknown',
    });
  });
}

/** Changes that an operator requests and that are not in force yet. */
function moving({ topics, version }: ClusterState, name: string): MetadataChange[] {
  const topic = topics.get(name);
  if (topic === undefined) throw new Error(`there is no topic ${name}`);
  const partitions = topic.partitions.map((partition) => {
    const reassignment = { from: partition.replicas, to: [7, 8], version: version + 1 };
    return { ...partition, reassignment };
  });
  const minInsyncHold = { replicas: 2, version: version + 1 };
  return [{ kind: 'topic', topic: { ...topic, partitions, minInsyncHold } }];
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Registers a broker on its own store. */
export function registerTestBroker(store: CoordinationStore, id: number): Promise<ClusterState> {
  const { dataDirUuid } = store;
  const registrant = { id, url: null, clusterUrl: null, rack: null, dataDirUuid };
  return store.update((state) => registerBroker(state, registrant, random));
}

function epochOf({ state }: CoordinationStore): number {
  return state.brokers.get(0)?.brokerEpoch ?? 0;
}

/** Creates a topic on all brokers, and resolves with its id. */
export async function create(
  store: CoordinationStore,
  name: string,
  partitions = 1,
): Promise<{ id: string }> {
  const { id } = topicOf(name, partitions);
  await store.update((state) => {
    const assignment = Array.from({ length: partitions }, () => [...state.brokers.keys()]);
    return createTopic(state, { name, id, configs: {}, assignment }, random);
  });
  return { id };
}

function topicOf(name: string, partitions: number) {
  const assignment = Array.from({ length: partitions }, () => [0]);
  return { name, id: random.uuid(), configs: {}, assignment };
}

function addDeadBroker({ version }: ClusterState): MetadataChange[] {
  const dead = { id: 9, url: null, clusterUrl: null, rack: null, dataDirUuid: 'x', alive: false };
  return [{ kind: 'broker', broker: { ...dead, brokerEpoch: version + 1 } }];
}
