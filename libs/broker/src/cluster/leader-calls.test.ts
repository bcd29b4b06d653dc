import { describe, expect, it } from 'vitest';
import type { ClusterState, CoordinationStore, MetadataListener } from '#coordination';
import { ProtocolError } from '#protocol';
import { NotLeaderError, PeerUnreachableError } from '#replication';
import type { Random } from '#runtime';
import { FakeClock, FakeScheduler } from '#runtime/testing';
import { type LeaderCall, LeaderCalls } from './leader-calls.js';

const TARGET = { topic: 'events', partition: 0 };
const HERE = 1;

/** Returns the smallest number, and so the shortest delays. */
const SMALLEST: Random = { below: () => 0, uuid: () => '' };

describe('LeaderCalls', () => {
  it('calls this broker when it leads, and the leader when another does', async () => {
    const world = new World(HERE);
    expect(await world.call({ here: () => Promise.resolve('here') })).toBe('here');
    world.setLeader(2);
    expect(await world.call({ there: (leader) => Promise.resolve(`at ${leader}`) })).toBe('at 2');
  });

  it('calls again once the metadata change, and by itself after a while', async () => {
    const world = new World(2);
    const called: number[] = [];
    const answer = world.call({
      there: (leader) => {
        called.push(leader);
        return called.length < 3 ? Promise.reject(notLeader()) : Promise.resolve('done');
      },
    });
    await world.scheduler.settle();
    expect(called).toEqual([2]);
    world.setLeader(3);
    await world.scheduler.settle();
    expect(called).toEqual([2, 3]);
    await world.scheduler.advance(60);
    expect(called).toEqual([2, 3, 3]);
    expect(await answer).toBe('done');
  });

  it('tells a call to this broker whether an earlier try was made', async () => {
    const world = new World(2);
    const tries: boolean[] = [];
    const answer = world.call({
      here: ({ isRepeated }) => {
        tries.push(isRepeated);
        return tries.length < 2 ? Promise.reject(notLeader()) : Promise.resolve('done');
      },
      there: () => Promise.reject(notLeader()),
    });
    await world.scheduler.settle();
    world.setLeader(HERE);
    await world.scheduler.advance(60);
    expect(await answer).toBe('done');
    expect(tries).toEqual([true, true]);
    const first = new World(HERE);
    await first.call({
      here: ({ isRepeated }) => {
        tries.push(isRepeated);
        return Promise.resolve('done');
      },
    });
    expect(tries.at(-1)).toBe(false);
  });

  it('waits no longer for a broker that is cut off than until another one leads', async () => {
    const world = new World(2);
    const answer = world.call({
      there: (leader) => (leader === 2 ? new Promise(() => undefined) : Promise.resolve('done')),
    });
    await world.scheduler.settle();
    world.setLeader(3);
    expect(await Promise.race([answer, world.scheduler.advance(600)])).toBe('done');
  });

  it('gives a broker that leads no more the time to answer what it was asked before', async () => {
    const world = new World(2);
    let finish: (value: string) => void = () => undefined;
    const answer = world.call({
      there: (leader) =>
        leader === 2 ? new Promise((resolve) => (finish = resolve)) : Promise.resolve('again'),
    });
    await world.scheduler.settle();
    world.setLeader(3);
    await world.scheduler.advance(400);
    finish('answered');
    expect(await answer).toBe('answered');
  });

  it('waits for a leader, and says that there is none when its time is over', async () => {
    const world = new World(null);
    const answer = world.call({});
    const failure = expect(answer).rejects.toMatchObject({
      code: 'LEADER_NOT_AVAILABLE',
      outcome: 'failed',
    });
    await world.scheduler.advance(1000);
    await failure;
  });

  it('answers the refusal of a leader at once', async () => {
    const world = new World(2);
    const refusal = new ProtocolError('NOT_ENOUGH_REPLICAS', 'No.');
    await expect(world.call({ there: () => Promise.reject(refusal) })).rejects.toBe(refusal);
  });

  it.each([
    ['was sent', true, 'REQUEST_TIMED_OUT', 'unknown'],
    ['surely was not sent', false, 'LEADER_NOT_AVAILABLE', 'failed'],
  ])('without an answer in time to a call that %s', async (_, wasSent, code, outcome) => {
    const world = new World(2);
    const answer = world.call({
      there: () => Promise.reject(new PeerUnreachableError(2, wasSent, undefined)),
    });
    const failure = expect(answer).rejects.toMatchObject({ code, outcome });
    await world.scheduler.advance(1000);
    await failure;
  });

  it('does not call failed what an earlier call may have done', async () => {
    const world = new World(2);
    let calls = 0;
    const answer = world.call({
      there: () => {
        calls += 1;
        return Promise.reject(
          calls === 1
            ? new PeerUnreachableError(2, true, undefined)
            : new ProtocolError('NOT_ENOUGH_REPLICAS', 'No.'),
        );
      },
    });
    const failure = expect(answer).rejects.toMatchObject({
      code: 'NOT_ENOUGH_REPLICAS',
      outcome: 'unknown',
    });
    await world.scheduler.advance(60);
    await failure;
  });

  it('gives up when nobody waits for the answer any more', async () => {
    const world = new World(2);
    let isAbandoned = false;
    const answer = world.call({ there: () => Promise.reject(notLeader()) }, () => isAbandoned);
    const failure = expect(answer).rejects.toMatchObject({ code: 'LEADER_NOT_AVAILABLE' });
    await world.scheduler.settle();
    isAbandoned = true;
    await world.scheduler.advance(60);
    await world.scheduler.advance(60);
    await failure;
  });

  it('knows when there is no such partition', async () => {
    const world = new World(2);
    await expect(
      world.calls.call(
        { topic: 'events', partition: 7 },
        { here: never, there: never },
        { deadlineMs: 1000 },
      ),
    ).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' });
  });
});

class World {
  readonly clock = new FakeClock();
  readonly scheduler = new FakeScheduler(this.clock);
  readonly calls: LeaderCalls;
  readonly #listeners = new Set<MetadataListener>();
  #leader: number | null;

  constructor(leader: number | null) {
    this.#leader = leader;
    const { clock, scheduler } = this;
    const listeners = this.#listeners;
    const stateOf = (): ClusterState => this.#state();
    const store = {
      get state(): ClusterState {
        return stateOf();
      },
      onChange: (listener: MetadataListener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    } satisfies Pick<CoordinationStore, 'state' | 'onChange'>;
    this.calls = new LeaderCalls({
      store,
      brokerId: HERE,
      clock,
      scheduler,
      random: SMALLEST,
    });
  }

  setLeader(leader: number): void {
    this.#leader = leader;
    for (const listener of this.#listeners) {
      listener({ kind: 'controller', controller: null }, this.#state());
    }
  }

  call(call: Partial<LeaderCall<string>>, isAbandoned = () => false): Promise<string> {
    const deadlineMs = this.clock.monotonicMs() + 1000;
    const whole = { here: never, there: never, ...call };
    return this.calls.call(TARGET, whole, { deadlineMs, isAbandoned });
  }

  #state(): ClusterState {
    const partition = {
      replicas: [1, 2, 3],
      leader: this.#leader,
      leaderEpoch: 0,
      electionId: 'e',
      isr: [1, 2, 3],
      partitionEpoch: 0,
      isNew: false,
    };
    const topic = { name: 'events', id: 'id', version: 0, configs: {}, partitions: [partition] };
    return {
      version: 1,
      changeId: 'c',
      controller: null,
      brokers: new Map(),
      topics: new Map([['events', topic]]),
      deletedTopics: new Map(),
    };
  }
}

function notLeader(): NotLeaderError {
  return new NotLeaderError('NOT_LEADER_OR_FOLLOWER', null, 0);
}

function never(): Promise<never> {
  return Promise.reject(new Error('not to be called'));
}
