import type { GroupTable } from '../../libs/groups/src/coordinator/group-table.js';
import { snapshotOf } from '../../libs/groups/src/queue/share-snapshot.js';
import type { Group } from '../../libs/groups/src/state/group.js';

/** The whole state of each group as a text, by name: two equal texts are two equal groups. */
export function groupStates(table: GroupTable): ReadonlyMap<string, string> {
  return new Map(Array.from(table.all(), (group) => [group.name, JSON.stringify(stateOf(group))]));
}

function stateOf(group: Group): unknown {
  const offsets = Array.from(group.offsets.entries(), ({ topic, partition, value }) => {
    return [`${topic} ${partition}`, value] as const;
  });
  const assignments = Array.from(group.assignments, ([id, { value }]) => [id, value] as const);
  const queue = Array.from(group.queue.all(), ({ topic, partition, state }) => {
    return [`${topic} ${partition}`, snapshotOf(state)] as const;
  });
  return {
    state: group.state,
    head: group.head,
    generation: group.generation,
    members: sorted(group.members),
    assignments: sorted(assignments),
    offsets: sorted(offsets),
    configs: sorted(group.configs),
    topics: sorted(group.knownTopics),
    patterns: [...group.patterns].toSorted(),
    redrives: sorted(group.redrives),
    queue: sorted(queue),
  };
}

function sorted<T>(entries: Iterable<readonly [string, T]>): (readonly [string, T])[] {
  return [...entries].toSorted(([one], [other]) => (one < other ? -1 : 1));
}
