import type { OffsetToCommit } from '#broker';
import type { ListAs, WithNulls } from '../schema/contract-types.js';
import { listOf } from '../schema/dto-schemas.js';
import {
  IsAnsweredOnly,
  IsListOf,
  IsText,
  IsWholeNumber,
  Member,
  NullableMember,
  OptionalMember,
} from '../schema/members.js';
import {
  INT32_MAX,
  NULLABLE_LEADER_EPOCH,
  NULLABLE_OFFSET,
  OFFSET,
  PARTITION,
} from '../schema/values.js';

/** One offset to commit: the next one to read. */
export class OffsetToCommitDto implements WithNulls<OffsetToCommit> {
  @Member({ type: 'string' })
  @IsText()
  readonly topic!: string;

  @Member(PARTITION)
  @IsWholeNumber(0, INT32_MAX)
  readonly partition!: number;

  @Member({
    ...OFFSET,
    description:
      'The next offset to read. null is accepted, because a partition without a committed offset is answered ' +
      'with it: such an entry is ignored.',
  })
  @NullableMember()
  @IsWholeNumber(0, Number.MAX_SAFE_INTEGER)
  readonly offset!: number | null;

  @OptionalMember({
    ...NULLABLE_LEADER_EPOCH,
    description: 'Leader epoch of the last record read.',
  })
  @NullableMember()
  @IsWholeNumber(0, INT32_MAX)
  readonly leaderEpoch?: number | null;

  @OptionalMember({
    type: ['string', 'null'],
    description: 'Any text of the client; it is returned unchanged.',
  })
  @NullableMember()
  @IsText()
  readonly metadata?: string | null;

  @OptionalMember({ ...NULLABLE_OFFSET, readOnly: true, description: 'Ignored.' })
  @IsAnsweredOnly()
  readonly highWatermark?: unknown;

  @OptionalMember({ ...NULLABLE_OFFSET, readOnly: true, description: 'Ignored.' })
  @IsAnsweredOnly()
  readonly lag?: unknown;
}

/** Body of `PUT /v1/groups/{group}/offsets`. */
export class CommitOffsetsDto implements ListAs<'offsets', WithNulls<OffsetToCommit>> {
  @Member(listOf(OffsetToCommitDto))
  @IsListOf(() => OffsetToCommitDto, 'must be a list of {topic, partition, offset}', 0)
  readonly offsets!: readonly OffsetToCommitDto[];
}
