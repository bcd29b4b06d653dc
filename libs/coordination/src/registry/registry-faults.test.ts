import { beforeEach, describe, expect, it, vi } from 'vitest';
import { SeededRandom } from '#runtime/testing';
import type { ClusterState } from '../cluster-state.js';
import type { CoordinationStore } from '../coordination-store.js';
import { brokerDied } from '../decisions/elections.js';
import { deleteTopic } from '../decisions/topics.js';
import type { MetadataChange } from '../metadata.js';
import { partitionIn } from '../testing/cluster-fixture.js';
import { create, registerTestBroker } from '../testing/conformance.js';
import { FakeStores } from '../testing/fake-stores.js';
import { rebuildNumberOf } from './rebuild.js';

const IDS = [0, 1, 2];
const AWAY = { code: 'BROKER_NOT_AVAILABLE' };

let stores = new FakeStores();
let brokers: CoordinationStore[] = [];

beforeEach(() => start(0));

/**
 * Starts three registered brokers that have renewed their leases, and creates a topic on all of
 * them.
 */
async function start(delayMs: number): Promise<void> {
  stores = new FakeStores({ delayMs: () => delayMs });
  brokers = await Promise.all(IDS.map((id) => stores.open(id)));
  for (const id of IDS) await join(id);
  await stores.whileTimePasses(create(at(0), 'events'));
  await agreed();
}

function at(id: number): CoordinationStore {
  const store = brokers[id];
  if (store === undefined) throw new Error(`there is no broker ${id}`);
  return store;
}

async function join(id: number): Promise<void> {
  await stores.whileTimePasses(registerTestBroker(at(id), id));
  await stores.whileTimePasses(renew(id));
}

/** Renews the lease; a rebuild then knows the process as the registered one. */
function renew(id: number): Promise<void> {
  const brokerEpoch = at(id).state.brokers.get(id)?.brokerEpoch ?? 0;
  return at(id).renewLease({ brokerId: id, brokerEpoch }, 1000);
}

/** Restarts a broker on a disk whose syncs can be made to wait. */
async function restartWithHeldSyncs(
  id: number,
): Promise<{ readonly hold: () => void; readonly release: () => void }> {
  let held = Promise.resolve();
  let release = (): void => undefined;
  stores.disk(id).crash();
  const disk = stores.disk(id).mount();
  const open = disk.open.bind(disk);
  vi.spyOn(disk, 'open').mockImplementation(async (path, mode) => {
    const file = await open(path, mode);
    const datasync = file.datasync.bind(file);
    vi.spyOn(file, 'datasync').mockImplementation(() => held.then(datasync));
    return file;
  });
  brokers[id] = await stores.open(id);
  await agreed();
  const hold = (): void => {
    held = new Promise((resolve) => {
      release = resolve;
    });
  };
  return { hold, release: () => release() };
}

/** Resolves when all brokers (or these) know the newest state. */
async function agreed(ids = IDS): Promise<ClusterState> {
  await stores.until(() =>
    ids.every(
      (id) => at(id).isAvailable && at(id).state.version === stores.coordination.state.version,
    ),
  );
  for (const id of ids) expect(at(id).state).toEqual(stores.coordination.state);
  return stores.coordination.state;
}

function topicsOf(state: ClusterState): string[] {
  return [...state.topics.keys()].toSorted();
}

describe('the renewal of a lease', () => {
  it('resolves once its broker knows everything committed before it', async () => {
    stores.coordination.holdNotifications(2);
    await create(at(0), 'made');
    let isRenewed = false;
    const renewal = renew(2).then(() => (isRenewed = true));
    await stores.scheduler.settle();
    expect(isRenewed).toBe(false);
    stores.coordination.releaseNotifications(2);
    await stores.whileTimePasses(renewal);
    expect(topicsOf(at(2).state)).toContain('made');
  });

  it('fails when its broker does not learn the newest commits in time', async () => {
    stores.coordination.holdNotifications(2);
    await create(at(0), 'made');
    const brokerEpoch = at(2).state.brokers.get(2)?.brokerEpoch ?? 0;
    const renewal = at(2).renewLease({ brokerId: 2, brokerEpoch }, 300);
    await expect(stores.whileTimePasses(renewal)).rejects.toMatchObject(AWAY);
  });
});

describe('a registry that is away', () => {
  it('fails updates within two seconds with outcome failed, while reads continue', async () => {
    stores.coordination.goAway();
    expect(at(0).isAvailable).toBe(false);
    const startMs = stores.clock.monotonicMs();
    const failing = stores.whileTimePasses(create(at(0), 'later'));
    await expect(failing).rejects.toMatchObject({ ...AWAY, outcome: 'failed' });
    expect(stores.clock.monotonicMs() - startMs).toBeLessThanOrEqual(2000);
    expect(topicsOf(at(0).state)).toEqual(['events']);
    await expect(at(0).leases(1000)).rejects.toMatchObject(AWAY);
    await expect(at(0).renewLease({ brokerId: 0, brokerEpoch: 1 }, 1000)).rejects.toMatchObject(
      AWAY,
    );
  });

  it('fails queued updates each at its own time limit', async () => {
    stores.coordination.goAway();
    const startMs = stores.clock.monotonicMs();
    const names = ['a', 'b', 'c'];
    const failing = Promise.allSettled(names.map((name) => create(at(0), name)));
    const results = await stores.whileTimePasses(failing);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(stores.clock.monotonicMs() - startMs).toBeLessThanOrEqual(2000);
  });

  it('accepts a waiting update when it comes back in time', async () => {
    stores.coordination.goAway();
    const waiting = create(at(0), 'later');
    await stores.scheduler.advance(1000);
    stores.coordination.comeBack();
    await stores.whileTimePasses(waiting);
    expect(topicsOf(await agreed())).toEqual(['events', 'later']);
  });

  it('reports missed changes to a broker that was cut off', async () => {
    stores.coordination.cutOff(2);
    const { id } = await create(at(0), 'made');
    const events = at(0).state.topics.get('events')?.id ?? '';
    await at(1).update((state) => deleteTopic(state, 'events', events));
    await at(1).update((state) =>
      brokerDied(state, { id: 2, brokerEpoch: 3 }, new SeededRandom(1)),
    );
    const reported: MetadataChange[] = [];
    at(2).onChange((change) => reported.push(change));
    stores.coordination.reach(2);
    await agreed();
    expect(reported.map(({ kind }) => kind)).toEqual(['topic-deleted', 'broker', 'topic']);
    expect(reported[0]).toMatchObject({ topic: { name: 'events', id: events } });
    expect(reported[2]).toMatchObject({ topic: { name: 'made', id } });
  });

  it('lets a broker catch up after more commits than one answer has', async () => {
    stores.coordination.holdNotifications(2);
    for (let count = 0; count < 450; count += 1) {
      await at(0).update(({ controller }) => [
        { kind: 'controller', controller: { id: 0, epoch: (controller?.epoch ?? 0) + 1 } },
      ]);
    }
    let reported = 0;
    at(2).onChange(() => (reported += 1));
    stores.coordination.releaseNotifications(2);
    await agreed();
    expect(reported).toBe(450);
  });
});

describe('a commit whose reply is lost', () => {
  it('is asked for again, and applied once', async () => {
    const { version } = at(0).state;
    stores.coordination.loseNextReply(0);
    await stores.whileTimePasses(registerTestBroker(at(0), 0));
    const state = await agreed();
    expect(state.version).toBe(version + 1);
    expect(state.brokers.get(0)?.brokerEpoch).toBe(version + 1);
  });

  it('is asked for again also after later commits of others', async () => {
    const { version } = at(0).state;
    stores.coordination.holdNotifications(0);
    stores.coordination.loseNextReply(0);
    const registering = registerTestBroker(at(0), 0);
    await stores.scheduler.settle();
    await create(at(1), 'other');
    await stores.whileTimePasses(registering);
    stores.coordination.releaseNotifications(0);
    const state = await agreed();
    expect(state.version).toBe(version + 2);
    expect(state.brokers.get(0)?.brokerEpoch).toBe(version + 1);
  });

  it('has an unknown outcome while the registry is away, and is shown later', async () => {
    stores.coordination.loseNextReply(0);
    const creating = create(at(0), 'maybe');
    await stores.scheduler.settle();
    stores.coordination.goAway();
    await expect(stores.whileTimePasses(creating)).rejects.toMatchObject({
      ...AWAY,
      outcome: 'unknown',
    });
    stores.coordination.comeBack();
    expect(topicsOf(await agreed())).toEqual(['events', 'maybe']);
  });

  it('may be applied later by a registry that was paused', async () => {
    stores.coordination.pause();
    const creating = create(at(0), 'late');
    await expect(stores.whileTimePasses(creating)).rejects.toMatchObject({
      ...AWAY,
      outcome: 'unknown',
    });
    expect(at(0).isAvailable).toBe(false);
    stores.coordination.resume();
    expect(topicsOf(await agreed())).toEqual(['events', 'late']);
  });
});

describe('a broker that learns of commits late', () => {
  it('decides again on the commits of others', async () => {
    stores.coordination.holdNotifications(0);
    await create(at(1), 'first');
    const second = stores.whileTimePasses(create(at(0), 'first'));
    await expect(second).rejects.toMatchObject({ code: 'TOPIC_ALREADY_EXISTS' });
    expect(topicsOf(at(0).state)).toEqual(['events', 'first']);
  });
});

describe('a journal that cannot be written', () => {
  it('keeps a broker from acting on commits that it could lose', async () => {
    const reported: MetadataChange[] = [];
    at(2).onChange((change) => reported.push(change));
    stores.disk(2).failNext('datasync', 'EIO', { path: 'metadata.journal', times: 2 });
    await create(at(0), 'made');
    expect([reported.length, at(2).journaledVersion]).toEqual([0, 4]);
    await stores.until(() => !at(2).isAvailable);
    await agreed();
    expect(reported).toHaveLength(1);
    const crashed = await stores.crash(2);
    expect(crashed.state).toEqual(at(0).state);
  });
});

describe('an update whose commit cannot be written to the disk of its broker', () => {
  it('has an unknown outcome, and is known to everybody once the disk works', async () => {
    stores.disk(0).failNext('datasync', 'EIO', { path: 'metadata.journal', times: 1000 });
    await expect(stores.whileTimePasses(create(at(0), 'made'))).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
      outcome: 'unknown',
      message: "The cluster's metadata could not be written to this broker's disk.",
    });
    stores.disk(0).clearFaults();
    expect(topicsOf(await agreed())).toEqual(['events', 'made']);
  });
});

describe('an update whose commit is late on the disk of its broker', () => {
  it('has an unknown outcome, and its error says that the disk is slow', async () => {
    const syncs = await restartWithHeldSyncs(0);
    syncs.hold();
    await expect(stores.whileTimePasses(create(at(0), 'made'))).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
      outcome: 'unknown',
      message: "The cluster's metadata was not on this broker's disk in time: the disk is slow.",
    });
    syncs.release();
    expect(topicsOf(await agreed())).toEqual(['events', 'made']);
  });
});

describe('a registry of another process', () => {
  it('refuses commits before the brokers have confirmed it, and loses nothing', async () => {
    const before = at(0).state;
    const changes: MetadataChange['kind'][] = [];
    at(0).onChange((change) => changes.push(change.kind));
    stores.coordination.restart();
    const after = await agreed();
    expect(rebuildNumberOf(after.version)).toBe(1);
    expect(after.brokers).toEqual(before.brokers);
    const partition = partitionIn(before, 'events');
    expect(partitionIn(after, 'events')).toEqual({
      ...partition,
      partitionEpoch: partition.partitionEpoch + 1,
    });
    expect(changes).toEqual(['partitions']);
    await create(at(1), 'goes on');
    await agreed();
  });

  it('gets lost commits back from any majority', async () => {
    const { version } = at(0).state;
    await create(at(0), 'lost');
    await agreed();
    await at(0).close();
    stores.coordination.rollBackTo(version);
    const state = await agreed([1, 2]);
    expect(topicsOf(state)).toEqual(['events', 'lost']);
    // The leader is absent.
    expect(partitionIn(state, 'events')).toMatchObject({ leader: 1, leaderEpoch: 2 ** 16 });
  });

  it('refuses a commit of a broker that has not noticed the change', async () => {
    const { version } = at(0).state;
    stores.coordination.cutOff(0);
    await create(at(1), 'lost');
    await agreed([1, 2]);
    // Broker 0 knows nothing that is missing.
    stores.coordination.failOverSilentlyTo(version);
    stores.coordination.reach(0);
    await stores.untilDone(() => create(at(0), 'later'));
    expect(topicsOf(await agreed())).toEqual(['events', 'later', 'lost']);
  });

  it('is detected by the next lease renewal', async () => {
    stores.coordination.failOverSilentlyTo(at(0).state.version);
    for (const id of IDS) await renew(id);
    await stores.scheduler.advance(500);
    expect(rebuildNumberOf((await agreed()).version)).toBe(1);
  });

  it('refuses a commit over a connection that did not break', async () => {
    const { version } = at(0).state;
    stores.coordination.holdNotifications(0);
    await create(at(1), 'lost');
    stores.coordination.failOverSilentlyTo(version);
    stores.coordination.releaseNotifications(0);
    await stores.untilDone(() => create(at(0), 'later'));
    expect(topicsOf(await agreed())).toEqual(['events', 'later', 'lost']);
  });

  it('gets everything back when it is empty, with a new or the same process', async () => {
    const before = at(0).state;
    stores.coordination.restartEmpty();
    const once = await agreed();
    expect(topicsOf(once)).toEqual(topicsOf(before));
    stores.coordination.empty();
    await stores.until(() => stores.coordination.state.version > once.version);
    const twice = await agreed();
    expect(topicsOf(twice)).toEqual(topicsOf(before));
    expect(rebuildNumberOf(twice.version)).toBe(2);
    expect(twice.brokers).toEqual(before.brokers);
  });

  it('gets a topic back that it has lost alone', async () => {
    stores.coordination.cutOff(2);
    await create(at(0), 'later');
    stores.coordination.loseTopic('events');
    // Broker 2 reads everything, and lacks what it has on its disk.
    stores.coordination.reach(2);
    await stores.until(() => !at(2).isAvailable);
    await stores.scheduler.advance(500);
    // The others hear of the rebuild with their next renewal.
    for (const id of [0, 1]) await renew(id);
    const state = await agreed();
    expect(topicsOf(state)).toEqual(['events', 'later']);
    expect(rebuildNumberOf(state.version)).toBe(1);
  });

  it('waits a little for a late leader, which then continues to lead', async () => {
    stores.coordination.cutOff(0);
    stores.coordination.restart();
    await stores.scheduler.advance(1000);
    expect(at(1).isAvailable).toBe(false);
    stores.coordination.reach(0);
    const state = await agreed();
    expect(partitionIn(state, 'events')).toMatchObject({ leader: 0, leaderEpoch: 0 });
  });

  it('waits for a majority, and does not count an empty disk', async () => {
    for (const id of [1, 2]) await at(id).close();
    stores.coordination.restartEmpty();
    await stores.until(() => !at(0).isAvailable);
    const alone = stores.whileTimePasses(create(at(0), 'alone'));
    await expect(alone).rejects.toMatchObject({ ...AWAY, outcome: 'failed' });
    stores.replaceDisk(1);
    await expect(stores.open(1)).rejects.toMatchObject(AWAY);
    expect(stores.coordination.state.version).toBe(0);
    brokers[2] = await stores.open(2);
    expect(topicsOf(await agreed([0, 2]))).toEqual(['events']);
    brokers[1] = await stores.open(1);
    await agreed();
  });

  it('elects new leaders when all brokers were restarted', async () => {
    stores.coordination.restartEmpty();
    brokers = await Promise.all(IDS.map((id) => stores.crash(id)));
    const state = await agreed();
    expect(partitionIn(state, 'events')).toMatchObject({ leaderEpoch: 2 ** 16, isr: [0, 1, 2] });
    for (const id of IDS) await join(id);
    await agreed();
  });

  it('reuses no version when no broker knows the result of the first rebuild', async () => {
    await start(10);
    const shown: string[] = [];
    for (const store of brokers) {
      store.onChange((_, { version, changeId }) => shown.push(`${version} ${changeId}`));
    }
    stores.coordination.cutOff(2);
    stores.coordination.restart();
    while (rebuildNumberOf(stores.coordination.state.version) === 0) {
      await stores.scheduler.advance(1);
    }
    // Broker 1 has promised that rebuild and does not learn its result; only broker 0 does.
    stores.coordination.cutOff(1);
    await stores.until(() => rebuildNumberOf(at(0).state.version) === 1);
    stores.coordination.cutOff(0);
    stores.coordination.empty();
    for (const id of [1, 2]) stores.coordination.reach(id);
    await agreed([1, 2]);
    stores.coordination.reach(0);
    await agreed();
    const versions = new Set(shown.map((one) => one.split(' ', 1)[0]));
    expect(versions.size).toBe(new Set(shown).size);
  });

  it('never uses a version or an epoch twice', async () => {
    const seen = new Map<number, string>();
    for (const store of brokers) {
      store.onChange((_, { version, changeId }) => {
        expect(seen.get(version) ?? changeId).toBe(changeId);
        seen.set(version, changeId);
      });
    }
    for (let round = 1; round <= 4; round += 1) {
      const { version } = at(0).state;
      stores.coordination.cutOff(round % 3);
      await stores.whileTimePasses(create(at((round + 1) % 3), `topic-${round}`));
      stores.coordination.rollBackTo(version - 1);
      await agreed(IDS.filter((id) => id !== round % 3));
      stores.coordination.reach(round % 3);
      await agreed();
    }
    expect(rebuildNumberOf(at(0).state.version)).toBe(4);
    expect(at(0).state.topics.size).toBe(5);
  });

  it('reports a topic that no participant knew as forgotten, not as deleted', async () => {
    const { version } = at(2).state;
    for (const id of [0, 1]) stores.coordination.cutOff(id);
    const { id } = await stores.whileTimePasses(create(at(2), 'unheard of'));
    stores.coordination.cutOff(2);
    stores.coordination.rollBackTo(version);
    for (const other of [0, 1]) stores.coordination.reach(other);
    await agreed([0, 1]);
    const reported: MetadataChange[] = [];
    at(2).onChange((change) => reported.push(change));
    stores.coordination.reach(2);
    expect(topicsOf(await agreed())).toEqual(['events']);
    expect(reported).toContainEqual({ kind: 'topic-forgotten', topic: { name: 'unheard of', id } });
  });

  it('is rebuilt without an excluded broker', async () => {
    for (const id of [1, 2]) await at(id).close();
    stores.coordination.restart();
    stores.coordination.giveUp(1);
    await stores.scheduler.advance(5000);
    expect(at(0).isAvailable).toBe(false);
    stores.coordination.giveUp(2);
    expect(topicsOf(await agreed([0]))).toEqual(['events']);
  });
});
