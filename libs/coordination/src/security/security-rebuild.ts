/**
 * The choice of the journal that a rebuild of the security metadata continues from.
 *
 * A commit is confirmed to its caller once a majority of the members has it on disk. A rebuild
 * needs the views of a majority, so the newest of them has every confirmed commit. A disk without
 * any commit has no vote, because it may have replaced one that had some. Such disks decide nothing
 * but when no member has a commit, where a majority of them begins the first line, and when the
 * disks of all members have come: no other disk can have a newer commit then.
 */
import type { SecurityPosition } from '#security';
import { VERSIONS_PER_REBUILD } from '../registry/rebuild.js';

/** The newest metadata on the disk of one broker. */
export interface SecurityView {
  readonly brokerId: number;
  readonly dataDirUuid: string;
  readonly position: SecurityPosition;
  /** True when the disk has no key, rule or quota, and no commit since the last rebuild. */
  readonly isBlank: boolean;
}

/** The members of the cluster as the metadata of topics has them: data directories by broker. */
export type Members = ReadonlyMap<number, { readonly dataDirUuid: string }>;

export type RebuildChoice =
  | { readonly kind: 'chosen'; readonly view: SecurityView }
  /** More members have to take part. */
  | { readonly kind: 'waiting'; readonly for: string };

/** @param givenUp members that an operator has excluded: the rebuild does not wait for them */
export function chosenView(
  views: readonly SecurityView[],
  members: Members,
  givenUp: readonly number[],
): RebuildChoice {
  const counted = [...members.keys()].filter((id) => !givenUp.includes(id));
  const known = views.filter(
    ({ brokerId, dataDirUuid }) =>
      counted.includes(brokerId) && members.get(brokerId)?.dataDirUuid === dataDirUuid,
  );
  const filled = known.filter(({ isBlank }) => !isBlank);
  const voters = filled.length > 0 ? filled : known;
  const newest = voters.toSorted(
    (left, right) =>
      right.position.version - left.position.version || left.brokerId - right.brokerId,
  )[0];
  const hasEveryDisk = known.length === counted.length;
  if (newest !== undefined && (hasEveryDisk || voters.length > counted.length / 2)) {
    return { kind: 'chosen', view: newest };
  }
  const absent = counted.filter((id) => !voters.some(({ brokerId }) => brokerId === id));
  return {
    kind: 'waiting',
    for: `a majority of the brokers ${counted.join(', ')}: ${absent.join(', ')} have not joined`,
  };
}

/** The first version of a line that a rebuild begins. */
export function firstVersionOf(round: { readonly number: number }): number {
  return round.number * VERSIONS_PER_REBUILD;
}
