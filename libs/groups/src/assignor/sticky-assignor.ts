/**
 * The sticky assignor: as even as subscriptions allow, and of all even assignments one that moves
 * few partitions. With equal subscriptions the number of moved partitions is the least possible.
 *
 * 1. Every partition stays with its previous owner, if that is a member and subscribed.
 * 2. A partition without an owner goes to the least loaded member that is subscribed to its topic.
 * 3. While a member has at least two partitions more than another one that is subscribed to one of
 *    their topics, one of them moves there. Each move makes the loads more even, so this ends.
 */
import {
  type AssignedMember,
  type AssignedTopic,
  type Assignment,
  AssignmentBuilder,
  type AssignorInput,
  compare,
  membersInOrder,
  topicsInOrder,
} from './assignor.js';

/** A member with the partitions that it has so far. */
interface Holder {
  readonly memberId: string;
  /** Partitions by topic; the last one of a list is the first to move. */
  readonly held: Map<string, number[]>;
  load: number;
}

/** Topics that exactly the same members are subscribed to: their partitions are interchangeable. */
interface TopicClass {
  readonly topics: AssignedTopic[];
  readonly holders: readonly Holder[];
}

export function stickyAssignment(input: AssignorInput): Assignment {
  const holders = new Map<string, Holder>();
  for (const { memberId } of membersInOrder(input.members)) {
    holders.set(memberId, { memberId, held: new Map(), load: 0 });
  }
  const classes = topicClasses(input, holders);
  for (const one of classes) keepAndFill(one, input, holders);
  for (let hasMoved = true; hasMoved; ) {
    hasMoved = false;
    for (const one of classes) {
      while (moveOne(one)) hasMoved = true;
    }
  }
  return assignmentOf(input.members, holders);
}

function topicClasses(
  { members, topics }: AssignorInput,
  holders: ReadonlyMap<string, Holder>,
): TopicClass[] {
  const bySubscribers = new Map<string, TopicClass>();
  const subscriptions = subscriptionClasses(members);
  for (const topic of topicsInOrder(topics)) {
    const subscribed = subscriptions.filter(({ topics: names }) => names.has(topic.name));
    if (subscribed.length === 0) continue;
    const key = subscribed.map(({ id }) => id).join(' ');
    const present = bySubscribers.get(key);
    if (present !== undefined) {
      present.topics.push(topic);
      continue;
    }
    const memberIds = new Set(subscribed.flatMap((one) => one.memberIds));
    const inOrder = [...holders.values()].filter(({ memberId }) => memberIds.has(memberId));
    bySubscribers.set(key, { topics: [topic], holders: inOrder });
  }
  return [...bySubscribers.values()];
}

/** Members with equal subscriptions, which is all of them in most groups. */
interface SubscriptionClass {
  readonly id: number;
  readonly topics: ReadonlySet<string>;
  readonly memberIds: string[];
}

function subscriptionClasses(members: readonly AssignedMember[]): SubscriptionClass[] {
  const classes = new Map<string, SubscriptionClass>();
  for (const { memberId, topics } of members) {
    const key = [...topics].toSorted(compare).join(' ');
    const present = classes.get(key);
    if (present === undefined) {
      classes.set(key, { id: classes.size, topics, memberIds: [memberId] });
    } else {
      present.memberIds.push(memberId);
    }
  }
  return [...classes.values()];
}

/** Steps 1 and 2 for the topics of a class. */
function keepAndFill(
  one: TopicClass,
  input: AssignorInput,
  holders: ReadonlyMap<string, Holder>,
): void {
  const subscribed = new Set(one.holders);
  const free: { readonly topic: string; readonly partition: number }[] = [];
  for (const { name: topic, partitionCount } of one.topics) {
    for (let partition = 0; partition < partitionCount; partition += 1) {
      const previous = input.previousOwner({ topic, partition });
      const holder = previous === undefined ? undefined : holders.get(previous);
      if (holder !== undefined && subscribed.has(holder)) hold(holder, topic, partition);
      else free.push({ topic, partition });
    }
  }
  for (const { topic, partition } of free) hold(leastLoaded(one.holders), topic, partition);
}

/** Step 3, once. @returns false when the class is even */
function moveOne({ topics, holders }: TopicClass): boolean {
  const to = leastLoaded(holders);
  let from: Holder | undefined;
  let movedTopic: string | undefined;
  for (const holder of holders) {
    if (holder.load < to.load + 2 || holder.load <= (from?.load ?? 0)) continue;
    const topic = topics.findLast(({ name }) => (holder.held.get(name)?.length ?? 0) > 0);
    if (topic === undefined) continue;
    from = holder;
    movedTopic = topic.name;
  }
  if (from === undefined || movedTopic === undefined) return false;
  const partition = from.held.get(movedTopic)?.pop();
  if (partition === undefined) return false;
  from.load -= 1;
  hold(to, movedTopic, partition);
  return true;
}

function hold(holder: Holder, topic: string, partition: number): void {
  const partitions = holder.held.get(topic);
  if (partitions === undefined) holder.held.set(topic, [partition]);
  else partitions.push(partition);
  holder.load += 1;
}

/** The first member with the fewest partitions. A class has at least one member. */
function leastLoaded(holders: readonly Holder[]): Holder {
  return holders.reduce((least, holder) => (holder.load < least.load ? holder : least));
}

function assignmentOf(
  members: readonly AssignedMember[],
  holders: ReadonlyMap<string, Holder>,
): Assignment {
  const built = new AssignmentBuilder(members);
  for (const { memberId, held } of holders.values()) {
    for (const [topic, partitions] of held) {
      for (const partition of partitions.toSorted((a, b) => a - b)) {
        built.add(memberId, { topic, partition });
      }
    }
  }
  return built.assignment;
}
