import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Reply, ReplyQueue } from './reply-queue.js';
import { framesIn } from './testing/frames-in.js';

class Sent {
  readonly buffers: Buffer[] = [];
  freedBytes = 0;

  push(bytes: Buffer): void {
    this.buffers.push(bytes);
  }

  answered(memoryBytes: number): void {
    this.freedBytes += memoryBytes;
  }

  sent(): void {
    // Nobody waits for it.
  }

  get texts(): string[] {
    return this.buffers.flatMap((each) => framesIn(each)).map(({ payload }) => payload.toString());
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

describe('answers', () => {
  test('answers are sent in the order of their messages, whenever they arrive', async () => {
    const step = fc.record({ place: fc.nat(), endsTurn: fc.boolean(), isSilent: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const sent = new Sent();
        const queue = new ReplyQueue(sent);
        const told: number[] = [];
        const open: { reply: Reply; number: number }[] = steps.map((_, number) => ({
          reply: queue.take(10),
          number,
        }));
        const silent = new Set<number>();
        for (const { place, endsTurn, isSilent } of steps) {
          const [next] = open.splice(place % open.length, 1);
          if (next === undefined) continue;
          if (isSilent) silent.add(next.number);
          const { number } = next;
          next.reply.answer(isSilent ? undefined : String(number), () => {
            told.push(number);
            // All answers before it are sent at this point.
            expect(sent.texts.map(Number)).toEqual(
              steps.map((__, each) => each).filter((each) => each <= number && !silent.has(each)),
            );
          });
          if (endsTurn) await turn();
        }
        await turn();
        const numbers = steps.map((_, number) => number);
        expect(told).toEqual(numbers);
        expect(sent.texts.map(Number)).toEqual(numbers.filter((number) => !silent.has(number)));
        expect([queue.unanswered, queue.unansweredBytes]).toEqual([0, 0]);
      }),
    );
  });

  test('answers that are ready together share one buffer', async () => {
    const sent = new Sent();
    const queue = new ReplyQueue(sent);
    const replies = Array.from({ length: 500 }, () => queue.take(1));
    await Promise.all(
      replies.toReversed().map(async (reply) => {
        await Promise.resolve();
        reply.answer('x');
      }),
    );
    await turn();
    expect(sent.texts).toHaveLength(500);
    expect(sent.buffers).toHaveLength(1);
  });

  test('a message has its turn when all before it are answered', async () => {
    const queue = new ReplyQueue(new Sent());
    const [first, second, third] = [queue.take(1), queue.take(1), queue.take(1)];
    const events: string[] = [];
    const waitForTurn = async (): Promise<void> => {
      await third.turn();
      events.push('its turn');
    };
    const turned = waitForTurn();
    second.answer('2');
    await turn();
    expect(events).toEqual([]);
    first.answer('1', () => events.push('the first is sent'));
    await turned;
    expect(events).toEqual(['the first is sent', 'its turn']);
    await third.turn();
    expect(queue.unanswered).toBe(1);
  });

  test('finished places are removed', async () => {
    const queue = new ReplyQueue(new Sent());
    const pending = queue.take(1);
    pending.answer('0');
    const others = Array.from({ length: 1000 }, () => queue.take(1));
    for (const reply of others.slice(0, 999)) reply.answer('x');
    await turn();
    expect(queue.unanswered).toBe(1);
    others.at(-1)?.answer('last');
    await turn();
    expect(queue.unanswered).toBe(0);
  });
});
