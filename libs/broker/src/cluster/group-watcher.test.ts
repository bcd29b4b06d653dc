import { describe, expect, it } from 'vitest';
import { type GroupCoordinators, GroupWatches } from '#groups';
import type { PeerMessage, Peers } from '#replication';
import { FakeClock, FakeScheduler } from '#runtime/testing';
import { groupHandlers } from './group-handlers.js';
import { GroupWatcher } from './group-watcher.js';

/** A watcher at broker 1 of groups that broker 2 coordinates. */
class WatcherWorld {
  readonly scheduler = new FakeScheduler(new FakeClock());
  readonly watches = new GroupWatches();
  readonly told: (readonly string[] | 'any')[] = [];
  readonly calls: unknown[] = [];
  isDown = false;
  readonly watcher: GroupWatcher;

  constructor() {
    const coordinators = { watches: this.watches } as GroupCoordinators;
    const options = { coordinators, scheduler: this.scheduler };
    const handle = groupHandlers(options as unknown as Parameters<typeof groupHandlers>[0])[
      'group-watch'
    ];
    const call: Peers['call'] = async (_, __, message, { signal }) => {
      if (this.isDown || handle === undefined) throw new Error('the broker is down');
      this.calls.push(message.body);
      const context = { signal: signal ?? new AbortController().signal };
      const answer = await handle(message, context);
      return JSON.parse(JSON.stringify(answer)) as PeerMessage;
    };
    const peers: Peers = { call };
    this.watcher = new GroupWatcher({ ...options, coordinatorOf: () => 2, peers, brokerId: 1 });
  }

  watch(group: string): () => void {
    return this.watcher.watch(group, (members) => {
      this.told.push(members === undefined ? 'any' : [...members]);
    });
  }

  /** Runs what is due within some milliseconds; returns what was told since the last time. */
  async pass(ms: number): Promise<unknown[]> {
    await this.scheduler.advance(ms);
    return this.told.splice(0);
  }
}

const GATHERED_MS = 5;

describe('a watch of a group at another broker', () => {
  it('calls back once at its start, because a change may have come before the call', async () => {
    const world = new WatcherWorld();
    world.watch('g');
    expect(await world.pass(GATHERED_MS)).toEqual(['any']);
    expect(await world.pass(1000)).toEqual([]);
  });

  it('names the members that a change concerns', async () => {
    const world = new WatcherWorld();
    world.watch('g');
    await world.pass(GATHERED_MS);
    world.watches.changed('g', new Set(['a']));
    world.watches.changed('g', new Set(['b']));
    expect(await world.pass(0)).toEqual([['a', 'b']]);
    world.watches.changed('g', new Set(['a']));
    world.watches.changed('g');
    expect(await world.pass(0)).toEqual(['any']);
  });

  it('reports a change that came after an answer and before the next call', async () => {
    const world = new WatcherWorld();
    const end = world.watch('g');
    await world.pass(GATHERED_MS);
    // The call that is under way is ended, and one with both groups replaces it.
    world.watch('h');
    world.watches.changed('h');
    await world.pass(0);
    end();
    world.watches.changed('h', new Set(['a']));
    const callsBefore = world.calls.length;
    expect(await world.pass(GATHERED_MS)).toContainEqual('any');
    expect(world.calls.length).toBeGreaterThan(callsBefore);
    // An answer has arrived, and the next call is not sent yet.
    world.watches.changed('h', new Set(['b']));
    await world.scheduler.settle();
    world.watches.changed('h', new Set(['c']));
    expect((await world.pass(0)).flat()).toEqual(['b', 'c']);
  });

  it('calls back for all members when the coordinator is lost, and when it is back', async () => {
    const world = new WatcherWorld();
    world.watch('g');
    await world.pass(GATHERED_MS);
    world.isDown = true;
    world.watches.changed('g', new Set(['a']));
    expect(await world.pass(0)).toEqual([['a'], 'any']);
    world.isDown = false;
    expect(await world.pass(200)).toEqual(['any']);
    expect(await world.pass(1000)).toEqual([]);
  });
});
