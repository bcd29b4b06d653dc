import { expect, test } from 'vitest';
import type { ClientEvent } from '#api';
import { ControlTurns } from './control-turns.js';

/** Takes messages whose handling the test ends, and notes those that have begun. */
function openTurns() {
  const turns = new ControlTurns();
  const begun: ClientEvent[] = [];
  const ends: (() => void)[] = [];
  const take = (event: ClientEvent): Promise<void> | undefined =>
    turns.take(event, () => {
      begun.push(event);
      return new Promise((resolve) => ends.push(resolve));
    });
  return { begun, ends, take };
}

test('credit begins while a commit is under way, and the next message waits for it', () => {
  const { begun, take } = openTurns();
  expect(take('commit')).toBeUndefined();
  expect(take('credit')).toBeInstanceOf(Promise);
  expect(begun).toEqual(['commit', 'credit']);
});

test.each<ClientEvent>(['commit', 'seek', 'release', 'unsubscribe', 'ack'])(
  '%s waits for the commit before it',
  async (event) => {
    const { begun, ends, take } = openTurns();
    void take('commit');
    const handled = take(event);
    await Promise.resolve();
    expect(begun).toEqual(['commit']);
    ends[0]?.();
    await expect.poll(() => begun).toEqual(['commit', event]);
    ends[1]?.();
    await expect(handled).resolves.toBeUndefined();
    expect(take('commit')).toBeUndefined();
    expect(begun).toEqual(['commit', event, 'commit']);
  },
);

test('the next message waits for all others but acks', () => {
  const { take } = openTurns();
  for (const event of ['ack', 'nack', 'extend', 'reject'] as const) {
    expect(take(event)).toBeUndefined();
  }
  for (const event of ['subscribe', 'seek', 'release'] as const) {
    expect(take(event)).toBeInstanceOf(Promise);
  }
});
