import { topicPartitionName } from '#protocol';
import { Client, type ClientParts } from './client.js';
import { outcomeOf } from './history.js';

interface GroupMemberOptions {
  /** Name of the member and of its group. */
  readonly name: string;
  readonly topic: string;
  readonly partitions: number;
}

/** The offsets of a group in one partition, as its member knows them. */
interface Commits {
  sent: number;
  acknowledged: number;
  /** Commits without an answer: their bytes may arrive after those of later commits. */
  readonly unanswered: Set<number>;
}

const PAUSE_MS_MAX = 300;

/**
 * A group member that commits rising offsets: acknowledged commits are kept, and no unsent offset
 * appears.
 */
export class GroupMember extends Client {
  readonly #commits = new Map<number, Commits>();
  readonly #options: GroupMemberOptions;

  constructor(parts: ClientParts, options: GroupMemberOptions) {
    super(parts, options.name);
    this.#options = options;
  }

  async run(): Promise<void> {
    while (!this.parts.isOver()) {
      await this.#commit();
      await this.pause(PAUSE_MS_MAX);
    }
    await this.#check();
  }

  async #commit(): Promise<void> {
    const { world, history } = this.parts;
    const { topic, partitions, name } = this.#options;
    const partition = this.random.below(partitions);
    const shown = history.shown.get(topicPartitionName({ topic, partition }));
    const offset = Math.max(0, ...(shown?.keys() ?? []));
    const commits = this.#commits.get(partition) ?? {
      sent: -1,
      acknowledged: -1,
      unanswered: new Set(),
    };
    this.#commits.set(partition, commits);
    if (offset <= commits.sent) return;
    commits.sent = offset;
    try {
      await this.connection.call(this.anyMachine(), (broker) =>
        broker.commitOffsets(name, [{ topic, partition, offset }]),
      );
      commits.acknowledged = offset;
      world.trace.add('client', `group offset ${offset} of ${topic}-${partition} is acknowledged`);
    } catch (error) {
      commits.unanswered.add(offset);
      if (outcomeOf(error) === undefined) world.unexpected(this.name, error);
    }
  }

  async #check(): Promise<void> {
    const { world } = this.parts;
    const { topic, name } = this.#options;
    for (let isAnswered = false; !isAnswered; ) {
      try {
        const offsets = await this.connection.call(this.anyMachine(), (broker) =>
          broker.committedOffsets(name, topic),
        );
        isAnswered = true;
        const found = new Map(offsets.map(({ partition, offset }) => [partition, offset ?? -1]));
        if (world.metadata.lost.size > 0) return;
        for (const [partition, { sent, acknowledged, unanswered }] of this.#commits) {
          const offset = found.get(partition) ?? -1;
          if ((offset >= acknowledged && offset <= sent) || unanswered.has(offset)) continue;
          const known = `${acknowledged} was acknowledged and ${sent} sent`;
          world.violated(`I1: the group is at ${offset} of ${topic}-${partition}: ${known}`);
        }
      } catch (error) {
        if (outcomeOf(error) === undefined) world.unexpected(this.name, error);
        await this.pause(PAUSE_MS_MAX);
      }
    }
  }
}
