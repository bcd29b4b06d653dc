import type { GroupRecord } from '../log/group-records.js';
import type { ShareTimes } from '../queue/share-context.js';
import { Group } from '../state/group.js';

/** The groups of one coordinator by name, with their number, their offsets and their memory. */
export class GroupTable {
  readonly #times: () => ShareTimes;
  readonly #groups = new Map<string, Group>();
  #offsetCount = 0;
  #offsetBytes = 0;
  #stateBytes = 0;

  /** @param times clocks that the locks and delays of queues run by */
  constructor(times: () => ShareTimes) {
    this.#times = times;
  }

  get size(): number {
    return this.#groups.size;
  }

  /** Number of committed offsets. */
  get offsetCount(): number {
    return this.#offsetCount;
  }

  /** Bytes of memory of names and committed offsets, as counted. */
  get offsetBytes(): number {
    return this.#offsetBytes;
  }

  /** Bytes of memory of members, subscriptions and assignments, as counted. */
  get stateBytes(): number {
    return this.#stateBytes;
  }

  /** The group, or one that nothing is known of. */
  get(name: string): Group {
    return this.#groups.get(name) ?? new Group(name, this.#times);
  }

  has(name: string): boolean {
    return this.#groups.has(name);
  }

  all(): Iterable<Group> {
    return this.#groups.values();
  }

  /** Applies a record of the log. */
  apply(record: GroupRecord): void {
    const { group: name } = record.key;
    const group = this.get(name);
    const isNew = !this.#groups.has(group.name);
    const before = {
      count: group.offsets.count,
      offsetBytes: isNew ? 0 : group.offsetBytes,
      stateBytes: isNew ? 0 : group.stateBytes,
    };
    group.apply(record);
    if (group.isForgotten) this.#groups.delete(name);
    else if (isNew) this.#groups.set(group.name, group);
    const isKept = !group.isForgotten;
    this.#offsetCount += group.offsets.count - before.count;
    this.#offsetBytes += (isKept ? group.offsetBytes : 0) - before.offsetBytes;
    this.#stateBytes += (isKept ? group.stateBytes : 0) - before.stateBytes;
  }
}
