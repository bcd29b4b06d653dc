import { describe, expect, test } from 'vitest';
import { ProtocolError } from '#protocol';
import { SocketSubscription, type SubscribedSocket } from './socket-subscription.js';
import { SocketSubscriptions } from './socket-subscriptions.js';

const NOWHERE: SubscribedSocket = {
  compresses: false,
  principal: 'key:k1',
  push: () => undefined,
  hasRoomFor: () => true,
  sendChange: () => undefined,
  sendReset: () => undefined,
  sendError: () => undefined,
  forget: () => undefined,
  lifeSigns: () => 0,
  ping: () => undefined,
  sentToMember: () => undefined,
  drop: () => undefined,
};

/** Counts how often it is resumed, and waits again if the test wants it. */
class Waiting extends SocketSubscription {
  resumed = 0;
  onResume: () => void = () => undefined;

  override resume(): void {
    this.resumed += 1;
    this.onResume();
  }
}

function turns(count: number): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(() => {
      resolve(count > 1 ? turns(count - 1) : undefined);
    });
  });
}

function waiting(
  count: number,
  hasRoom: () => boolean,
): { subscriptions: SocketSubscriptions; all: Waiting[] } {
  const subscriptions = new SocketSubscriptions(count, hasRoom);
  const all = Array.from({ length: count }, (_, number) => new Waiting(`s${number}`, NOWHERE));
  for (const each of all) {
    subscriptions.add(each);
    subscriptions.wait(each);
  }
  return { subscriptions, all };
}

describe('subscriptions that wait for room', () => {
  test('all of them resume when there is room, even if the first ones use none', async () => {
    const { subscriptions, all } = waiting(100, () => true);
    subscriptions.resume();
    expect(all.filter(({ resumed }) => resumed === 1).length).toBeLessThan(100);
    await turns(20);
    expect(all.map(({ resumed }) => resumed)).toEqual(all.map(() => 1));
  });

  test('they resume only while there is room, and then in turn', async () => {
    let hasRoom = true;
    const { subscriptions, all } = waiting(100, () => hasRoom);
    hasRoom = false;
    for (let round = 0; round < 30; round += 1) {
      const before = all.reduce((sum, { resumed }) => sum + resumed, 0);
      for (const each of all) each.onResume = () => subscriptions.wait(each);
      subscriptions.resume();
      await turns(3);
      const after = all.reduce((sum, { resumed }) => sum + resumed, 0);
      expect(after - before).toBeLessThan(100);
    }
    const counts = all.map(({ resumed }) => resumed);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
  });

  test('removed subscriptions are not resumed', async () => {
    const { subscriptions, all } = waiting(40, () => true);
    for (const each of all) subscriptions.forget(each);
    subscriptions.resume();
    await turns(5);
    expect(all.every(({ resumed }) => resumed === 0)).toBe(true);
    expect(subscriptions.count).toBe(0);
  });
});

describe('names', () => {
  test('names are unique, bounded in number, and free again after the end', () => {
    const { subscriptions, all } = waiting(2, () => true);
    expect(() => subscriptions.add(new Waiting('s0', NOWHERE))).toThrow(ProtocolError);
    const another = new Waiting('s2', NOWHERE);
    expect(() => subscriptions.add(another)).toThrow(/at most 2/);
    expect(subscriptions.get('s1')).toBe(all[1]);
    expect(() => subscriptions.get('s2')).toThrow(ProtocolError);
    if (all[0] !== undefined) subscriptions.forget(all[0]);
    subscriptions.add(another);
    expect(subscriptions.get('s2')).toBe(another);
  });
});

test('a closed connection accepts no more subscriptions, and its own end with it', () => {
  const { subscriptions, all } = waiting(1, () => true);
  const [present] = all;
  let isClosed = false;
  if (present !== undefined) {
    present.close = () => {
      isClosed = true;
    };
  }
  subscriptions.close(true);
  expect(isClosed).toBe(true);
  expect(() => subscriptions.add(new Waiting('late', NOWHERE))).toThrow(ProtocolError);
  expect(subscriptions.count).toBe(0);
});
