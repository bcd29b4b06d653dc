import { beforeEach, describe, expect, it } from 'vitest';
import { SeededRandom } from '#runtime/testing';
import type { ClusterState } from '../cluster-state.js';
import type { CoordinationStore } from '../coordination-store.js';
import { brokerDied } from '../decisions/elections.js';
import { deleteTopic } from '../decisions/topics.js';
import type { MetadataChange } from '../metadata.js';
import { partitionIn } from '../testing/cluster-fixture.js';
import { create, register } from '../testing/conformance.js';
import { FakeStores } from '../testing/fake-stores.js';
import { rebuildNumberOf } from './rebuild.js';

const IDS = [0, 1, 2];
const AWAY = { code: 'BROKER_NOT_AVAILABLE' };

let stores = new FakeStores();
let brokers: CoordinationStore[] = [];

beforeEach(() => start(0));

/** Three registered brokers that renewed their leases, and a topic on all of them. */
async function start(delayMs: number): Promise<void> {
  stores = new FakeStores({ delayMs: () => delayMs });
  brokers = await Promise.all(IDS.map((id) => stores.open(id)));
  for (const id of IDS) await join(id);
  await stores.passing(create(at(0), 'events'));
  await agreed();
}

function at(id: number): CoordinationStore {
  const store = brokers[id];
  if (store === undefined) throw new Error(`there is no broker ${id}`);
  return store;
}

async function join(id: number): Promise<void> {
  await stores.passing(register(at(id), id));
  await stores.passing(renew(id));
}

/** From then on a rebuild knows the process as the one that is registered. */
function renew(id: number): Promise<void> {
  const brokerEpoch = at(id).state.brokers.get(id)?.brokerEpoch ?? 0;
  return at(id).renewLease({ brokerId: id, brokerEpoch }, 1000);
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
  it('is told of once its broker knows what was decided before it', async () => {
    stores.coordination.holdNotifications(2);
    await create(at(0), 'made');
    let isTold = false;
    const renewal = renew(2).then(() => (isTold = true));
    await stores.scheduler.settle();
    expect(isTold).toBe(false);
    stores.coordination.releaseNotifications(2);
    await stores.passing(renewal);
    expect(topicsOf(at(2).state)).toContain('made');
  });

  it('fails where its broker does not learn in time what was decided', async () => {
    stores.coordination.holdNotifications(2);
    await create(at(0), 'made');
    const brokerEpoch = at(2).state.brokers.get(2)?.brokerEpoch ?? 0;
    const renewal = at(2).renewLease({ brokerId: 2, brokerEpoch }, 300);
    await expect(stores.passing(renewal)).rejects.toMatchObject(AWAY);
  });
});

describe('a registry that is away', () => {
  it('fails updates within two seconds, as not made, and reads go on', async () => {
    stores.coordination.goAway();
    expect(at(0).isAvailable).toBe(false);
    const startMs = stores.clock.monotonicMs();
    const failing = stores.passing(create(at(0), 'later'));
    await expect(failing).rejects.toMatchObject({ ...AWAY, outcome: 'failed' });
    expect(stores.clock.monotonicMs() - startMs).toBeLessThanOrEqual(2000);
    expect(topicsOf(at(0).state)).toEqual(['events']);
    await expect(at(0).leases(1000)).rejects.toMatchObject(AWAY);
    await expect(at(0).renewLease({ brokerId: 0, brokerEpoch: 1 }, 1000)).rejects.toMatchObject(
      AWAY,
    );
  });

  it('fails all updates that wait in their own time, one behind the other', async () => {
    stores.coordination.goAway();
    const startMs = stores.clock.monotonicMs();
    const names = ['a', 'b', 'c'];
    const failing = Promise.allSettled(names.map((name) => create(at(0), name)));
    const results = await stores.passing(failing);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(stores.clock.monotonicMs() - startMs).toBeLessThanOrEqual(2000);
  });

  it('takes an update that waited for it when it comes back in time', async () => {
    stores.coordination.goAway();
    const waiting = create(at(0), 'later');
    await stores.scheduler.advance(1000);
    stores.coordination.comeBack();
    await stores.passing(waiting);
    expect(topicsOf(await agreed())).toEqual(['events', 'later']);
  });

  it('tells a broker that was cut off what it has missed, as changes', async () => {
    stores.coordination.cutOff(2);
    const { id } = await create(at(0), 'made');
    const events = at(0).state.topics.get('events')?.id ?? '';
    await at(1).update((state) => deleteTopic(state, 'events', events));
    await at(1).update((state) =>
      brokerDied(state, { id: 2, brokerEpoch: 3 }, new SeededRandom(1)),
    );
    const told: MetadataChange[] = [];
    at(2).onChange((change) => told.push(change));
    stores.coordination.reach(2);
    await agreed();
    expect(told.map(({ kind }) => kind)).toEqual(['topic-deleted', 'broker', 'topic']);
    expect(told[0]).toMatchObject({ topic: { name: 'events', id: events } });
    expect(told[2]).toMatchObject({ topic: { name: 'made', id } });
  });

  it('is caught up with after more commits than one answer has', async () => {
    stores.coordination.holdNotifications(2);
    for (let count = 0; count < 450; count += 1) {
      await at(0).update(({ controller }) => [
        { kind: 'controller', controller: { id: 0, epoch: (controller?.epoch ?? 0) + 1 } },
      ]);
    }
    let told = 0;
    at(2).onChange(() => (told += 1));
    stores.coordination.releaseNotifications(2);
    await agreed();
    expect(told).toBe(450);
  });
});

describe('a commit whose reply is lost', () => {
  it('is asked for again, and made once', async () => {
    const { version } = at(0).state;
    stores.coordination.loseNextReply(0);
    await stores.passing(register(at(0), 0));
    const state = await agreed();
    expect(state.version).toBe(version + 1);
    expect(state.brokers.get(0)?.brokerEpoch).toBe(version + 1);
  });

  it('is asked for again also when others have gone on since', async () => {
    const { version } = at(0).state;
    stores.coordination.holdNotifications(0);
    stores.coordination.loseNextReply(0);
    const registering = register(at(0), 0);
    await stores.scheduler.settle();
    await create(at(1), 'other');
    await stores.passing(registering);
    stores.coordination.releaseNotifications(0);
    const state = await agreed();
    expect(state.version).toBe(version + 2);
    expect(state.brokers.get(0)?.brokerEpoch).toBe(version + 1);
  });

  it('is of unknown outcome when nobody can be asked, and shown when it is known', async () => {
    stores.coordination.loseNextReply(0);
    const creating = create(at(0), 'maybe');
    await stores.scheduler.settle();
    stores.coordination.goAway();
    await expect(stores.passing(creating)).rejects.toMatchObject({ ...AWAY, outcome: 'unknown' });
    stores.coordination.comeBack();
    expect(topicsOf(await agreed())).toEqual(['events', 'maybe']);
  });

  it('may be made later by a registry that stood still', async () => {
    stores.coordination.pause();
    const creating = create(at(0), 'late');
    await expect(stores.passing(creating)).rejects.toMatchObject({ ...AWAY, outcome: 'unknown' });
    expect(at(0).isAvailable).toBe(false);
    stores.coordination.resume();
    expect(topicsOf(await agreed())).toEqual(['events', 'late']);
  });
});

describe('a broker that is told late', () => {
  it('decides again on what the others did', async () => {
    stores.coordination.holdNotifications(0);
    await create(at(1), 'first');
    const second = stores.passing(create(at(0), 'first'));
    await expect(second).rejects.toMatchObject({ code: 'TOPIC_ALREADY_EXISTS' });
    expect(topicsOf(at(0).state)).toEqual(['events', 'first']);
  });
});

describe('a journal that cannot be written', () => {
  it('keeps a broker from acting by what it could forget', async () => {
    const told: MetadataChange[] = [];
    at(2).onChange((change) => told.push(change));
    stores.disk(2).failNext('datasync', 'EIO', { path: 'metadata.journal', times: 2 });
    await create(at(0), 'made');
    expect([told.length, at(2).journaledVersion]).toEqual([0, 4]);
    await stores.until(() => !at(2).isAvailable);
    await agreed();
    expect(told).toHaveLength(1);
    const crashed = await stores.crash(2);
    expect(crashed.state).toEqual(at(0).state);
  });
});

describe('a registry that another process keeps', () => {
  it('takes nothing before the brokers have confirmed it, and loses nothing', async () => {
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

  it('gets back what it lost, from any majority', async () => {
    const { version } = at(0).state;
    await create(at(0), 'lost');
    await agreed();
    await at(0).close();
    stores.coordination.rollBackTo(version);
    const state = await agreed([1, 2]);
    expect(topicsOf(state)).toEqual(['events', 'lost']);
    // Its leader is not there.
    expect(partitionIn(state, 'events')).toMatchObject({ leader: 1, leaderEpoch: 2 ** 16 });
  });

  it('takes no commit of a broker that has not noticed: what it lacks may be what others know', async () => {
    const { version } = at(0).state;
    stores.coordination.cutOff(0);
    await create(at(1), 'lost');
    await agreed([1, 2]);
    // Nothing that broker 0 knows is missing.
    stores.coordination.failOverSilentlyTo(version);
    stores.coordination.reach(0);
    await stores.untilDone(() => create(at(0), 'later'));
    expect(topicsOf(await agreed())).toEqual(['events', 'later', 'lost']);
  });

  it('is seen to be another one by the next renewal of a lease', async () => {
    stores.coordination.failOverSilentlyTo(at(0).state.version);
    for (const id of IDS) await renew(id);
    await stores.scheduler.advance(500);
    expect(rebuildNumberOf((await agreed()).version)).toBe(1);
  });

  it('takes no commit over a connection that did not break', async () => {
    const { version } = at(0).state;
    stores.coordination.holdNotifications(0);
    await create(at(1), 'lost');
    stores.coordination.failOverSilentlyTo(version);
    stores.coordination.releaseNotifications(0);
    await stores.untilDone(() => create(at(0), 'later'));
    expect(topicsOf(await agreed())).toEqual(['events', 'later', 'lost']);
  });

  it('gets back everything when it is empty, whether its process is another one or not', async () => {
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

  it('waits a little for a leader that comes later than the others, which leads on then', async () => {
    stores.coordination.cutOff(0);
    stores.coordination.restart();
    await stores.scheduler.advance(1000);
    expect(at(1).isAvailable).toBe(false);
    stores.coordination.reach(0);
    const state = await agreed();
    expect(partitionIn(state, 'events')).toMatchObject({ leader: 0, leaderEpoch: 0 });
  });

  it('waits for a majority, and for no empty disk', async () => {
    for (const id of [1, 2]) await at(id).close();
    stores.coordination.restartEmpty();
    await stores.until(() => !at(0).isAvailable);
    const alone = stores.passing(create(at(0), 'alone'));
    await expect(alone).rejects.toMatchObject({ ...AWAY, outcome: 'failed' });
    stores.replaceDisk(1);
    await expect(stores.open(1)).rejects.toMatchObject(AWAY);
    expect(stores.coordination.state.version).toBe(0);
    brokers[2] = await stores.open(2);
    expect(topicsOf(await agreed([0, 2]))).toEqual(['events']);
    brokers[1] = await stores.open(1);
    await agreed();
  });

  it('has brokers that were all started again elect new leaders', async () => {
    stores.coordination.restartEmpty();
    brokers = await Promise.all(IDS.map((id) => stores.crash(id)));
    const state = await agreed();
    expect(partitionIn(state, 'events')).toMatchObject({ leaderEpoch: 2 ** 16, isr: [0, 1, 2] });
    for (const id of IDS) await join(id);
    await agreed();
  });

  it('gives no version twice though nobody is left who knows what the first rebuild made', async () => {
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
    // Broker 1 has promised that rebuild, and does not hear what came of it; broker 0 alone does.
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

  it('never lets a version or an epoch mean two things', async () => {
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
      await stores.passing(create(at((round + 1) % 3), `topic-${round}`));
      stores.coordination.rollBackTo(version - 1);
      await agreed(IDS.filter((id) => id !== round % 3));
      stores.coordination.reach(round % 3);
      await agreed();
    }
    expect(rebuildNumberOf(at(0).state.version)).toBe(4);
    expect(at(0).state.topics.size).toBe(5);
  });

  it('says of a topic that nobody else knew that it was forgotten, not that it was deleted', async () => {
    const { version } = at(2).state;
    for (const id of [0, 1]) stores.coordination.cutOff(id);
    const { id } = await stores.passing(create(at(2), 'unheard of'));
    stores.coordination.cutOff(2);
    stores.coordination.rollBackTo(version);
    for (const other of [0, 1]) stores.coordination.reach(other);
    await agreed([0, 1]);
    const told: MetadataChange[] = [];
    at(2).onChange((change) => told.push(change));
    stores.coordination.reach(2);
    expect(topicsOf(await agreed())).toEqual(['events']);
    expect(told).toContainEqual({ kind: 'topic-forgotten', topic: { name: 'unheard of', id } });
  });

  it('is rebuilt without a broker that was given up', async () => {
    for (const id of [1, 2]) await at(id).close();
    stores.coordination.restart();
    stores.coordination.giveUp(1);
    await stores.scheduler.advance(5000);
    expect(at(0).isAvailable).toBe(false);
    stores.coordination.giveUp(2);
    expect(topicsOf(await agreed([0]))).toEqual(['events']);
  });
});
