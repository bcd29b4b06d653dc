import { assertCommits, type CommitChecks, type OffsetCommit } from '#groups';
import { ProtocolError, topicPartitionName } from '#protocol';
import { type StatusTarget, UNKNOWN_EPOCH } from '../leader-status.js';
import type { TopicAdminOptions } from '../topic-admin.js';

interface CommitCheckOptions extends Omit<CommitChecks, 'boundsOf'> {
  readonly statusesOf: TopicAdminOptions['statusesOf'];
  /** See `LeadershipCheck.refresh`. */
  readonly refresh: () => Promise<number>;
}

/**
 * Checks a commit with the high watermarks of the leaders. A deposed leader may
 * lack records that were read elsewhere, and a new leader does not know at first which records are
 * committed. So before a commit is refused, the leaders of the newest metadata are asked again. An
 * offset whose leader does not know its high watermark is accepted.
 * @throws ProtocolError as `assertCommits`; LEADER_NOT_AVAILABLE when the store does not answer
 */
export async function assertCommitsAtLeaders(
  offsets: readonly OffsetCommit[],
  { statusesOf, refresh, ...checks }: CommitCheckOptions,
): Promise<void> {
  const targets: StatusTarget[] = offsets.map(({ topic, partition }) => {
    return { topic, partition, afterEpoch: UNKNOWN_EPOCH };
  });
  const assertWith = async (options: { readonly metadataVersion?: number }): Promise<void> => {
    const known = await statusesOf(targets, options);
    const boundsOf: CommitChecks['boundsOf'] = (target) => known.get(topicPartitionName(target));
    assertCommits(offsets, { ...checks, boundsOf });
  };
  try {
    await assertWith({});
  } catch (error) {
    if (!(error instanceof ProtocolError) || error.code !== 'OFFSET_OUT_OF_RANGE') throw error;
    await assertWith({ metadataVersion: await refresh() });
  }
}
