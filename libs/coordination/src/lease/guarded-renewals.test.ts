import { expect, test } from 'vitest';
import { FakeClock, FakeScheduler } from '#runtime/testing';
import { RegistryAwayError, RegistryRefusedError } from '../registry-errors.js';
import { GuardedRenewals } from './guarded-renewals.js';
import { LeaseBoard } from './lease-board.js';
import type { LeaseThreadOutcome } from './lease-thread.js';

const INTERVAL_MS = 100;
const SILENCE_MAX_MS = 1000;

class Thread {
  readonly clock = new FakeClock();
  readonly scheduler = new FakeScheduler(this.clock);
  readonly board = new LeaseBoard();
  readonly sent: {
    readonly brokerEpoch: number;
    readonly renewal: string;
    readonly atMs: number;
  }[] = [];
  readonly outcomes: LeaseThreadOutcome[] = [];
  /** Creates the next replies of the registry. */
  reply: () => { isRenewed: boolean; newest: undefined } = () => ({
    isRenewed: true,
    newest: undefined,
  });
  replyDelayMs = 0;

  constructor() {
    // The other thread has the same memory and no other connection to this one.
    const board = new LeaseBoard(this.board.memory);
    new GuardedRenewals({
      board,
      brokerId: 1,
      intervalMs: INTERVAL_MS,
      loopSilenceMaxMs: SILENCE_MAX_MS,
      clock: this.clock,
      scheduler: this.scheduler,
      send: async ({ brokerEpoch }, renewal) => {
        this.sent.push({ brokerEpoch, renewal, atMs: this.clock.monotonicMs() });
        await new Promise<void>((resolve) => this.scheduler.after(this.replyDelayMs, resolve));
        return this.reply();
      },
      report: (outcome) => this.outcomes.push(outcome),
    }).start();
  }

  /** Records a sign of life of an event loop that holds a lease. */
  signOfLife(): void {
    this.board.aliveMs = this.clock.monotonicMs();
    this.board.brokerEpoch = 7;
  }
}

test('nothing is renewed before there is a lease and after it was released', async () => {
  const thread = new Thread();
  await thread.scheduler.advance(5 * INTERVAL_MS);
  expect(thread.sent).toEqual([]);
  thread.signOfLife();
  await thread.scheduler.advance(2 * INTERVAL_MS);
  expect(thread.sent.map(({ brokerEpoch }) => brokerEpoch)).toEqual([7, 7]);
  expect(new Set(thread.sent.map(({ renewal }) => renewal)).size).toBe(2);
  thread.board.brokerEpoch = undefined;
  await thread.scheduler.advance(5 * INTERVAL_MS);
  expect(thread.sent.length).toBe(2);
  expect(thread.board.counts).toEqual({ sent: 2, failed: 0, withheld: 0 });
});

test('renewals are withheld while the last sign of life is older than the bound', async () => {
  const thread = new Thread();
  thread.signOfLife();
  await thread.scheduler.advance(SILENCE_MAX_MS);
  expect(thread.board.counts).toEqual({ sent: 10, failed: 0, withheld: 0 });
  await thread.scheduler.advance(SILENCE_MAX_MS);
  expect(thread.board.counts).toEqual({ sent: 10, failed: 0, withheld: 10 });
  thread.signOfLife();
  await thread.scheduler.advance(INTERVAL_MS);
  expect(thread.board.counts).toEqual({ sent: 11, failed: 0, withheld: 10 });
});

test('an outcome has the time of its renewal, not of the answer', async () => {
  const thread = new Thread();
  thread.replyDelayMs = 70;
  thread.signOfLife();
  await thread.scheduler.advance(INTERVAL_MS + 70);
  expect(thread.sent.map(({ atMs }) => atMs)).toEqual([INTERVAL_MS]);
  const renewed = { kind: 'answered', isRenewed: true, newest: undefined };
  expect(thread.outcomes).toEqual([{ ...renewed, brokerEpoch: 7, sentMs: INTERVAL_MS }]);
});

test('refused and unanswered renewals are counted and reported separately', async () => {
  const thread = new Thread();
  thread.signOfLife();
  const replies = [
    () => ({ isRenewed: false, newest: undefined }),
    () => {
      throw new RegistryRefusedError('OOM command not allowed');
    },
    () => {
      throw new RegistryAwayError(true, undefined);
    },
  ];
  for (const reply of replies) {
    thread.reply = reply;
    await thread.scheduler.advance(INTERVAL_MS);
  }
  expect(thread.outcomes).toMatchObject([
    { kind: 'answered', isRenewed: false },
    { kind: 'refused', message: expect.stringContaining('OOM') },
    { kind: 'away' },
  ]);
  expect(thread.board.counts).toEqual({ sent: 3, failed: 3, withheld: 0 });
});
