import { QueueFeed, type QueueFeedParts } from './queue-feed.js';
import type { QueueDelivering, QueueReceiver } from './queue-receiver.js';

/** The feeds of the queue groups that have members with connections of this broker. */
export class QueueFeeds {
  readonly #parts: QueueFeedParts;
  readonly #feeds = new Map<string, QueueFeed>();

  constructor(parts: QueueFeedParts) {
    this.#parts = parts;
  }

  /** Begins to deliver records of a group to a member that has joined it. */
  open(group: string, receiver: QueueReceiver): QueueDelivering {
    const feed = this.#feeds.get(group) ?? new QueueFeed(group, this.#parts);
    this.#feeds.set(group, feed);
    feed.add(receiver);
    return {
      roomAgain: () => feed.roomAgain(receiver),
      end: () => {
        feed.remove(receiver);
        if (feed.size === 0 && this.#feeds.get(group) === feed) this.#feeds.delete(group);
      },
    };
  }
}
