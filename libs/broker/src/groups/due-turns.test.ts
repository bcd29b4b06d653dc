import { describe, expect, it } from 'vitest';
import type { QueuePollAnswer } from '#groups';
import { FakeClock, FakeScheduler } from '#runtime/testing';
import { type DueTurn, DueTurns } from './due-turns.js';

type Read = QueuePollAnswer['reads'][number];

/** A state whose only partition was scanned up to an offset. */
function stateAt(scanOffset: number, other: Partial<Read> = {}) {
  const place = { topic: 'events', topicId: 'id', partition: 0 };
  const due = { atMs: -1, offset: -1 };
  const read = { ...place, scanOffset, due, pendingFrom: 0, hasPending: true, room: 10 };
  return { isKeyOrdered: false, reads: [{ ...read, ...other }] };
}

/** Turns, and the names of the polls that got one, in order. */
function turnsOfPolls() {
  const clock = new FakeClock();
  const scheduler = new FakeScheduler(clock);
  const turns = new DueTurns({ clock, scheduler });
  const given: string[] = [];
  const held = new Map<string, DueTurn>();
  const wait = (name: string, afterMs: number, state = stateAt(5)): (() => void) =>
    turns.wait({
      group: 'g',
      state,
      nextAtMs: clock.nowMs() + afterMs,
      onTurn: (turn) => {
        given.push(name);
        held.set(name, turn);
      },
    });
  return { clock, scheduler, given, held, wait };
}

describe('the turn to look for delayed records', () => {
  it('is given to one poll when a record is due, to the one that has waited longest', async () => {
    const { scheduler, given, wait } = turnsOfPolls();
    wait('first', 3000);
    wait('second', 2000);
    await scheduler.advance(1999);
    expect(given).toEqual([]);
    await scheduler.advance(1);
    expect(given).toEqual(['first']);
    await scheduler.advance(60_000);
    expect(given).toEqual(['first']);
  });

  it('goes to the next poll when the next record is due, with the newest state', async () => {
    const { clock, scheduler, given, held, wait } = turnsOfPolls();
    wait('first', 1000, stateAt(5));
    wait('second', 1000, stateAt(6));
    await scheduler.advance(1000);
    expect(held.get('first')?.state).toEqual(stateAt(6));
    held.get('first')?.looked(clock.nowMs() + 500);
    held.get('first')?.end(stateAt(7));
    await scheduler.advance(499);
    expect(given).toEqual(['first']);
    await scheduler.advance(1);
    expect(given).toEqual(['first', 'second']);
    expect(held.get('second')?.state).toEqual(stateAt(7));
  });

  it('waits for the end of the look before when a record is due meanwhile', async () => {
    const { clock, scheduler, given, held, wait } = turnsOfPolls();
    wait('first', 1000);
    wait('second', 1000);
    await scheduler.advance(1000);
    held.get('first')?.looked(clock.nowMs() + 10);
    wait('third', 0);
    await scheduler.advance(50);
    expect(given).toEqual(['first']);
    held.get('first')?.end(stateAt(6));
    await scheduler.advance(1);
    expect(given).toEqual(['first', 'second']);
  });

  it('goes to the next poll at once when the poll that has it fails', async () => {
    const { scheduler, given, held, wait } = turnsOfPolls();
    wait('first', 1000);
    wait('second', 1000);
    await scheduler.advance(1000);
    // It has found something, which it could not offer.
    held.get('first')?.looked(null);
    held.get('first')?.end(undefined);
    await scheduler.advance(1);
    expect(given).toEqual(['first', 'second']);
  });

  it('goes to the next poll at once when the poll that has it does not look', async () => {
    const { scheduler, given, held, wait } = turnsOfPolls();
    wait('first', 1000);
    wait('second', 1000);
    await scheduler.advance(1000);
    held.get('first')?.end(stateAt(6));
    await scheduler.advance(1);
    expect(given).toEqual(['first', 'second']);
  });

  it('is given to no poll that waits no longer', async () => {
    const { scheduler, given, wait } = turnsOfPolls();
    const leave = wait('first', 1000);
    wait('second', 1000);
    leave();
    await scheduler.advance(1000);
    expect(given).toEqual(['second']);
  });

  it('is given to polls of other partitions, too', async () => {
    const { scheduler, given, wait } = turnsOfPolls();
    wait('first', 1000);
    wait('other topic', 1000, stateAt(5, { topicId: 'other' }));
    await scheduler.advance(1000);
    expect(given).toEqual(['first', 'other topic']);
  });

  it('keeps its state when its holder is answered for other partitions', async () => {
    const { clock, scheduler, held, wait } = turnsOfPolls();
    wait('first', 1000);
    wait('second', 1000);
    await scheduler.advance(1000);
    held.get('first')?.looked(clock.nowMs());
    held.get('first')?.end(stateAt(9, { topicId: 'other' }));
    await scheduler.advance(1);
    expect(held.get('second')?.state).toEqual(stateAt(5));
  });

  it('comes days later, and not before its time', async () => {
    const { scheduler, given, wait } = turnsOfPolls();
    const dayMs = 24 * 3_600_000;
    wait('first', 40 * dayMs);
    for (let day = 0; day < 40; day += 1) {
      expect(given).toEqual([]);
      await scheduler.advance(dayMs);
    }
    expect(given).toEqual(['first']);
  });
});
