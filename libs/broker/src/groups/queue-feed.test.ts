import { describe, expect, it } from 'vitest';
import type { QueueAcks, QueueDelivery, QueueDeliveryAnswer } from '#groups';
import { ProtocolError } from '#protocol';
import { FakeClock, FakeScheduler, RecordingLogger, SeededRandom } from '#runtime/testing';
import { MemberReads } from './member-reads.js';
import { QueueFeed } from './queue-feed.js';
import { QueueReads } from './queue-reads.js';
import type { QueueReceiver } from './queue-receiver.js';

const PLACE = { topic: 'jobs', topicId: 'id', partition: 0 };
const AWAY = new ProtocolError('COORDINATOR_NOT_AVAILABLE', 'The coordinator is away.');
const GIVEN: QueueDeliveryAnswer = {
  generation: 1,
  lockMs: 30_000,
  isKeyOrdered: false,
  members: [
    { memberId: 'm', acquired: [{ ...PLACE, runs: [{ first: 3, last: 3, deliveryCount: 1 }] }] },
  ],
  unknown: [],
  reads: [],
};
/** Longest delay before a call is made again, in ms. */
const BACKOFF_MS = 50;

describe('the delivery of a queue', () => {
  it('makes the same call again when its answer was lost', async () => {
    const world = new World([() => Promise.reject(AWAY), () => Promise.resolve(GIVEN)]);
    await world.begin();
    expect(world.calls).toHaveLength(1);
    await world.scheduler.advance(BACKOFF_MS);
    const [lost, repeated, next] = world.calls;
    expect(repeated?.deliveryId).toBe(lost?.deliveryId);
    expect(next?.deliveryId).not.toBe(lost?.deliveryId);
  });

  it('gives records back that cannot be read now', async () => {
    const world = new World([() => Promise.resolve(GIVEN)]);
    await world.begin();
    expect(world.acks).toMatchObject([
      { group: 'g', memberId: 'm', acks: [{ ...PLACE, offset: 3, type: 'giveBack' }] },
    ]);
  });

  it('leaves records to the end of their locks when they cannot be given back', async () => {
    const world = new World([() => Promise.resolve(GIVEN)], () => Promise.reject(AWAY));
    await world.begin();
    expect(world.logger.lines).toMatchObject([
      {
        level: 'warn',
        fields: { err: AWAY, group: 'g', memberId: 'm' },
        message: expect.stringContaining('they come back when their locks are over'),
      },
    ]);
    expect(world.calls).toHaveLength(2);
  });
});

/** A queue with the member `m` at a broker that cannot read any record. */
class World {
  readonly clock = new FakeClock();
  readonly scheduler = new FakeScheduler(this.clock);
  readonly logger = new RecordingLogger();
  readonly calls: QueueDelivery[] = [];
  readonly acks: QueueAcks[] = [];
  readonly #feed: QueueFeed;

  /** @param answers the answers of the coordinator in turn; it does not answer further calls */
  constructor(
    answers: readonly (() => Promise<QueueDeliveryAnswer>)[],
    acknowledge = (): Promise<void> => Promise.resolve(),
  ) {
    const { clock, scheduler, logger } = this;
    const fetch = () => Promise.reject(new ProtocolError('LEADER_NOT_AVAILABLE', 'It is away.'));
    const listDelayed = () => Promise.reject(AWAY);
    this.#feed = new QueueFeed('g', {
      coordinator: {
        deliver: (call) => {
          this.calls.push(call);
          return answers[this.calls.length - 1]?.() ?? new Promise(() => undefined);
        },
        acknowledge: (acks) => {
          this.acks.push(acks);
          return acknowledge();
        },
        watch: () => () => undefined,
      },
      reads: new QueueReads({ fetch, listDelayed, clock }),
      waits: new MemberReads({ fetch, scheduler }),
      logger,
      ports: { clock, scheduler, random: new SeededRandom(3) },
    });
  }

  /** Adds the member, and lets the delivery run until it waits. */
  begin(): Promise<void> {
    const receiver: QueueReceiver = {
      memberId: 'm',
      room: () => 10,
      receive: () => Promise.resolve(),
      inGeneration: () => undefined,
      unknown: () => undefined,
    };
    this.#feed.add(receiver);
    return this.scheduler.settle();
  }
}
