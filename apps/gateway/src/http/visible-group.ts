import type {
  Broker,
  GroupDescription,
  GroupList,
  GroupListEntry,
  GroupListRequest,
  GroupMemberDescription,
} from '#broker';
import { type Access, groupNamed, topicNamed } from '#security';

type HasTopic = { readonly topic: string };

/**
 * Returns the description of a group without the topics that the caller may not describe. Lags are
 * those of the topics that are shown.
 */
export function visibleGroup(group: GroupDescription, access: Access): GroupDescription {
  if (access.caller.isSuperUser) return group;
  const isVisible = ({ topic }: HasTopic): boolean => access.may('Describe', topicNamed(topic));
  const partitions = group.partitions.filter(isVisible);
  if (partitions.length === group.partitions.length) {
    return { ...group, members: group.members.map((member) => visibleMember(member, isVisible)) };
  }
  return {
    ...group,
    members: group.members.map((member) => visibleMember(member, isVisible)),
    partitions,
    lag: sumOf(partitions.map(({ lag }) => lag)),
  };
}

/** Groups that are read at a time for a caller who sees some of them. */
const READ_AT_A_TIME = 1000;

/**
 * Returns a page of the groups that the caller may describe. Only names of such groups are in it,
 * also in `nextAfter`. A broker finds a small page in the same time as a large one, so the limit of
 * the caller does not say how many are read at a time.
 * @param after the list begins after this name
 */
export async function visibleGroups(
  access: Access,
  broker: Broker,
  after: string | undefined,
  limit: number,
): Promise<GroupList> {
  if (access.caller.isSuperUser) return broker.groups.list(pageAfter(after, limit));
  const groups: GroupListEntry[] = [];
  if (!access.mayOnAny('Describe', 'group')) return { groups, nextAfter: null };
  let from = after;
  for (;;) {
    const page = await broker.groups.list(pageAfter(from, READ_AT_A_TIME));
    groups.push(...page.groups.filter(({ group }) => access.may('Describe', groupNamed(group))));
    if (groups.length > limit || page.nextAfter === null) break;
    from = page.nextAfter;
  }
  const shown = groups.slice(0, limit);
  return { groups: shown, nextAfter: groups.length > limit ? (shown.at(-1)?.group ?? null) : null };
}

function pageAfter(after: string | undefined, limit: number): GroupListRequest {
  return after === undefined ? { limit } : { after, limit };
}

function visibleMember(
  member: GroupMemberDescription,
  isVisible: (partition: HasTopic) => boolean,
): GroupMemberDescription {
  const assignment = member.assignment.filter(isVisible);
  const isWhole = assignment.length === member.assignment.length;
  return isWhole ? member : { ...member, assignment, lag: null };
}

/** Returns null if one of the numbers is not known. */
function sumOf(numbers: readonly (number | null)[]): number | null {
  let sum = 0;
  for (const number of numbers) {
    if (number === null) return null;
    sum += number;
  }
  return sum;
}
