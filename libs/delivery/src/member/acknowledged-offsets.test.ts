import { describe, expect, it } from 'vitest';
import { ProtocolError } from '#protocol';
import { FakeClock, FakeScheduler, SeededRandom } from '#runtime/testing';
import { AcknowledgedOffsets } from './acknowledged-offsets.js';
import type { OwnedPartition } from './owned-partitions.js';

/** The end of a commit that a test decides. */
interface Commit {
  readonly offsets: string;
  readonly end: (error?: Error) => void;
}

class World {
  readonly scheduler = new FakeScheduler(new FakeClock());
  readonly commits: Commit[] = [];
  readonly refused: string[] = [];
  readonly offsets = new AcknowledgedOffsets({
    commit: (offsets) => this.#commit(offsets),
    onRefused: ({ partition }) => this.refused.push(String(partition)),
    scheduler: this.scheduler,
    random: new SeededRandom(1),
  });

  get sent(): string[] {
    return this.commits.map(({ offsets }) => offsets);
  }

  async end(error?: Error): Promise<void> {
    this.commits.at(-1)?.end(error);
    await this.scheduler.settle();
  }

  #commit(offsets: ReadonlyMap<OwnedPartition, number>): Promise<void> {
    const shown = [...offsets].map(([{ partition }, offset]) => `${partition}:${offset}`).join(' ');
    return new Promise((resolve, reject) => {
      const end = (error?: Error): void => (error === undefined ? resolve() : reject(error));
      this.commits.push({ offsets: shown, end });
    });
  }
}

function owned(partition: number): OwnedPartition {
  return { topic: 't', partition, since: 1, lowestCommit: 0, isOwned: true };
}

const unavailable = new ProtocolError('COORDINATOR_NOT_AVAILABLE', 'There is none.');
const deleted = new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION', 'It is gone.');

describe('acknowledged offsets', () => {
  it('are settled by their own commit, however many later ones follow', async () => {
    const world = new World();
    const [a, b] = [owned(0), owned(1)];
    world.offsets.add(a, 1);
    world.offsets.add(a, 2);
    let isSettled = false;
    void world.offsets.settled().finally(() => {
      isSettled = true;
    });
    await world.end();
    world.offsets.add(b, 1);
    expect(isSettled).toBe(false);
    await world.end();
    expect(world.sent).toEqual(['0:1', '0:2', '1:1']);
    expect(isSettled).toBe(true);
  });

  it('that arrive during a commit are committed together after it', async () => {
    const world = new World();
    const [a, b] = [owned(0), owned(1)];
    world.offsets.add(a, 1);
    world.offsets.add(a, 2);
    world.offsets.add(b, 5);
    world.offsets.add(a, 3);
    expect(world.sent).toEqual(['0:1']);
    await world.end();
    expect(world.sent).toEqual(['0:1', '0:3 1:5']);
    const ends: string[] = [];
    const settled = world.offsets.settled().then(() => ends.push('settled'));
    await world.scheduler.settle();
    ends.push('committed');
    await world.end();
    await settled;
    expect(ends).toEqual(['committed', 'settled']);
  });

  it('are committed again while there is no coordinator, but never over newer ones', async () => {
    const world = new World();
    const [a, b] = [owned(0), owned(1)];
    world.offsets.add(a, 1);
    await world.end(unavailable);
    world.offsets.add(a, 4);
    world.offsets.add(b, 2);
    await world.scheduler.advance(60);
    expect(world.sent).toEqual(['0:1', '0:4 1:2']);
  });

  it('of a partition that has moved are not committed', async () => {
    const world = new World();
    const [a, b] = [owned(0), owned(1)];
    world.offsets.add(a, 1);
    world.offsets.add(b, 1);
    world.offsets.add(a, 2);
    b.isOwned = false;
    await world.end();
    expect(world.sent).toEqual(['0:1', '0:2']);
    world.offsets.add(b, 2);
    await world.end();
    expect(world.sent).toHaveLength(2);
  });

  it('that are refused do not prevent those of other partitions', async () => {
    const world = new World();
    world.offsets.add(owned(0), 1);
    world.offsets.add(owned(1), 1);
    world.offsets.add(owned(2), 1);
    await world.end();
    await world.end(deleted);
    await world.end(deleted);
    await world.end();
    expect(world.sent).toEqual(['0:1', '1:1 2:1', '1:1', '2:1']);
    expect(world.refused).toEqual(['1']);
  });

  it('are dropped when the member ends', async () => {
    const world = new World();
    world.offsets.add(owned(0), 1);
    world.offsets.add(owned(1), 1);
    world.offsets.close();
    await world.end(unavailable);
    await world.scheduler.advance(10_000);
    expect(world.sent).toEqual(['0:1']);
    await world.offsets.settled();
  });
});
