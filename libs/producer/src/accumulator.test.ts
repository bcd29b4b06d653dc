import { describe, expect, it } from 'vitest';
import {
  Accumulator,
  AccumulatorEntry,
  type AccumulatorOptions,
  type PartitionQueue,
} from './accumulator.js';
import { ManualTimers } from './testing/manual-timers.js';

describe('Accumulator', () => {
  it('sends entries of one turn of the event loop together', () => {
    const { queue, timers, sends } = harness();
    queue.add(new Item('a'));
    queue.add(new Item('b'));
    expect(sends).toEqual([]);
    timers.endTurn();
    expect(namesOf(sends)).toEqual(['a b']);
  });

  it('gathers entries while a send is in flight, and sends them together next', async () => {
    const { queue, timers, sends } = harness();
    queue.add(new Item('a'));
    timers.endTurn();
    queue.add(new Item('b'));
    timers.endTurn();
    queue.add(new Item('c'));
    timers.endTurn();
    expect(namesOf(sends)).toEqual(['a']);
    await sends[0]?.finish();
    timers.endTurn();
    expect(namesOf(sends)).toEqual(['a', 'b c']);
  });

  it('sends more together when a drain was refused before, then as much as usual', async () => {
    let mayDrain = false;
    const { queue, timers, sends } = harness({
      drainBytesMax: 2,
      lateDrainBytesMax: 5,
      mayDrain: () => mayDrain,
    });
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']) queue.add(new Item(name));
    timers.endTurn();
    expect(namesOf(sends)).toEqual([]);
    mayDrain = true;
    queue.drain();
    await sends[0]?.finish();
    timers.endTurn();
    expect(namesOf(sends)).toEqual(['a b c d e', 'f g']);
  });

  it('sends standalone entries one by one, in order, in the same drain', () => {
    const { queue, timers, sends } = harness();
    for (const item of [new Item('a'), new Item('B', { isAlone: true }), new Item('c')]) {
      queue.add(item);
    }
    queue.add(new Item('d'));
    queue.add(new Item('E', { isAlone: true }));
    timers.endTurn();
    expect(namesOf(sends)).toEqual(['a', 'B', 'c d', 'E']);
  });

  it('begins the next drain when all sends of the previous one are done', async () => {
    const { queue, timers, sends } = harness();
    queue.add(new Item('A', { isAlone: true }));
    queue.add(new Item('B', { isAlone: true }));
    timers.endTurn();
    queue.add(new Item('c'));
    await sends[1]?.finish();
    timers.endTurn();
    expect(namesOf(sends)).toEqual(['A', 'B']);
    await sends[0]?.finish();
    timers.endTurn();
    expect(namesOf(sends)).toEqual(['A', 'B', 'c']);
  });

  it('limits the bytes of a drain, but always takes its first entry', async () => {
    const { queue, timers, sends } = harness({ drainBytesMax: 100 });
    for (const [name, sizeBytes] of [
      ['a', 500],
      ['b', 60],
      ['c', 40],
      ['d', 1],
    ] as const) {
      queue.add(new Item(name, { sizeBytes }));
    }
    timers.endTurn();
    await sends[0]?.finish();
    timers.endTurn();
    await sends[1]?.finish();
    timers.endTurn();
    expect(namesOf(sends)).toEqual(['a', 'b c', 'd']);
  });

  it('continues after a rejected send', async () => {
    const { queue, timers, sends } = harness();
    queue.add(new Item('a'));
    timers.endTurn();
    queue.add(new Item('b'));
    await sends[0]?.finish(new Error('the disk is gone'));
    timers.endTurn();
    expect(namesOf(sends)).toEqual(['a', 'b']);
  });

  it('drains many partitions in one task', () => {
    const { accumulator, timers } = harness();
    let sendCount = 0;
    for (let partition = 0; partition < 3; partition += 1) {
      const queue = accumulator.openQueue(() => {
        sendCount += 1;
        return Promise.resolve();
      });
      queue.add(new Item('a'));
    }
    timers.endTurn();
    expect(sendCount).toBe(3);
  });

  it('waits for linger.ms from the first entry on, unless a batch is full before', async () => {
    const { queue, timers, sends } = harness({ lingerMs: 10, batchSizeBytes: 100 });
    queue.add(new Item('a', { sizeBytes: 10 }));
    timers.advance(9);
    timers.endTurn();
    expect(sends).toEqual([]);
    timers.advance(1);
    timers.endTurn();
    expect(namesOf(sends)).toEqual(['a']);
    await sends[0]?.finish();
    queue.add(new Item('b', { sizeBytes: 60 }));
    queue.add(new Item('c', { sizeBytes: 60 }));
    timers.endTurn();
    expect(namesOf(sends)).toEqual(['a', 'b c']);
  });

  it('counts the linger while an earlier send is in flight', async () => {
    const { queue, timers, sends } = harness({ lingerMs: 10 });
    queue.add(new Item('a'));
    timers.advance(10);
    timers.endTurn();
    queue.add(new Item('b'));
    timers.advance(10);
    await sends[0]?.finish();
    timers.endTurn();
    expect(namesOf(sends)).toEqual(['a', 'b']);
  });

  it('sends nothing while its owner does not allow a drain', () => {
    let isOpen = false;
    const { queue, timers, sends } = harness({ mayDrain: () => isOpen });
    queue.add(new Item('a'));
    timers.endTurn();
    expect(sends).toEqual([]);
    isOpen = true;
    expect(queue.isDue).toBe(true);
    queue.drain();
    expect(namesOf(sends)).toEqual(['a']);
  });

  it('ends the linger of queued entries in a flush, but not of later ones', async () => {
    const { queue, timers, sends } = harness({ lingerMs: 10 });
    queue.flush();
    queue.add(new Item('a'));
    expect(queue.isDue).toBe(false);
    queue.flush();
    timers.endTurn();
    expect(namesOf(sends)).toEqual(['a']);
    await sends[0]?.finish();
    queue.add(new Item('b'));
    timers.endTurn();
    expect(namesOf(sends)).toEqual(['a']);
    timers.advance(10);
    timers.endTurn();
    expect(namesOf(sends)).toEqual(['a', 'b']);
  });

  it('removes an entry from anywhere in the queue, but not once it is sent', () => {
    const { queue, timers, sends } = harness();
    const [a, b, c] = [new Item('a'), new Item('b'), new Item('c')];
    for (const item of [a, b, c]) queue.add(item);
    expect(queue.remove(b)).toBe(true);
    expect(queue.remove(b)).toBe(false);
    expect(queue.remove(c)).toBe(true);
    queue.add(new Item('d'));
    timers.endTurn();
    expect(namesOf(sends)).toEqual(['a d']);
    expect(queue.remove(a)).toBe(false);
    expect(queue.queuedBytes).toBe(0);
  });

  it('removes and returns all entries that are not sent yet', () => {
    const { queue, timers, sends } = harness();
    queue.add(new Item('a'));
    queue.add(new Item('b'));
    expect(queue.removeAll().map((item) => item.name)).toEqual(['a', 'b']);
    timers.endTurn();
    expect(sends).toEqual([]);
    expect(queue.isIdle).toBe(true);
  });

  it('resolves `whenIdle` when it has become idle', async () => {
    const { queue, timers, sends } = harness();
    await queue.whenIdle();
    queue.add(new Item('a'));
    let isIdle = false;
    const idle = queue.whenIdle().then(() => (isIdle = true));
    timers.endTurn();
    await Promise.resolve();
    expect(isIdle).toBe(false);
    await sends[0]?.finish();
    await idle;
    expect(isIdle).toBe(true);
  });
});

class Item extends AccumulatorEntry<Item> {
  readonly name: string;

  constructor(name: string, options: { sizeBytes?: number; isAlone?: boolean } = {}) {
    super(options.sizeBytes ?? 1, options.isAlone ?? false);
    this.name = name;
  }
}

interface Send {
  readonly names: string;
  /** Ends the send and lets the queue react. */
  finish(error?: Error): Promise<void>;
}

function harness({
  mayDrain,
  ...options
}: Partial<AccumulatorOptions> & { mayDrain?: () => boolean } = {}): {
  readonly accumulator: Accumulator<Item>;
  readonly queue: PartitionQueue<Item>;
  readonly timers: ManualTimers;
  readonly sends: Send[];
} {
  const timers = new ManualTimers();
  const accumulator = new Accumulator<Item>({
    drainBytesMax: 1000,
    lingerMs: 0,
    batchSizeBytes: 1000,
    timers,
    ...options,
  });
  const sends: Send[] = [];
  const queue = accumulator.openQueue((entries) => {
    return new Promise((resolve, reject) => {
      const finish = (error?: Error): Promise<void> => {
        if (error === undefined) resolve();
        else reject(error);
        return microtasks();
      };
      sends.push({ names: entries.map((entry) => entry.name).join(' '), finish });
    });
  }, mayDrain);
  return { accumulator, queue, timers, sends };
}

function namesOf(sends: readonly Send[]): string[] {
  return sends.map((send) => send.names);
}

async function microtasks(): Promise<void> {
  await Promise.resolve();
  await Promise.resolve();
}
