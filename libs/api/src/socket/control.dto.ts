import type { OffsetToCommit } from '#broker';
import type { PartitionPosition } from '#delivery';
import type { TopicPartition } from '#protocol';
import { OffsetToCommitDto } from '../rest/commit-offsets.dto.js';
import type { ListAs, WithNulls } from '../schema/contract-types.js';
import { listOf } from '../schema/dto-schemas.js';
import { IsListOf, IsText, IsWholeNumber, Member, OptionalMember } from '../schema/members.js';
import { OFFSET } from '../schema/values.js';
import { IsSubscriptionName, SUBSCRIPTION } from './members.js';
import { SubscribedPartitionDto, TopicPartitionDto } from './positions.dto.js';

/** Data of `authenticate`. */
export class AuthenticateDto {
  @Member({ type: 'string', maxLength: 8192, description: 'An API key or a token.' })
  @IsText()
  readonly token!: string;
}

/** Data of `credit`. */
export class CreditDto {
  @Member(SUBSCRIPTION)
  @IsSubscriptionName()
  readonly subscription!: string;

  @Member({
    ...OFFSET,
    minimum: 1,
    description: 'Number of further records that may be delivered.',
  })
  @IsWholeNumber(1, Number.MAX_SAFE_INTEGER)
  readonly records!: number;
}

/** Data of `commit`. */
export class CommitDto implements ListAs<'offsets', WithNulls<OffsetToCommit>> {
  @Member(SUBSCRIPTION)
  @IsSubscriptionName()
  readonly subscription!: string;

  @OptionalMember({
    type: 'string',
    minLength: 1,
    maxLength: 255,
    description:
      'The consumer group. Default: the group that the subscription is a member of, which may ' +
      'commit only partitions that it owns.',
  })
  @IsText()
  readonly group?: string;

  @Member(listOf(OffsetToCommitDto, { minItems: 1 }))
  @IsListOf(() => OffsetToCommitDto, 'must be a list of at least one {topic, partition, offset}')
  readonly offsets!: readonly OffsetToCommitDto[];
}

/** Data of `release`. */
export class ReleaseDto implements ListAs<'partitions', TopicPartition> {
  @Member(SUBSCRIPTION)
  @IsSubscriptionName()
  readonly subscription!: string;

  @Member(listOf(TopicPartitionDto, { minItems: 1, description: 'Partitions of `revoked`.' }))
  @IsListOf(() => TopicPartitionDto, 'must be a list of at least one {topic, partition}')
  readonly partitions!: readonly TopicPartitionDto[];
}

/** Data of `seek`. */
export class SeekDto extends SubscribedPartitionDto implements PartitionPosition {
  @Member({ ...OFFSET, description: 'The next offset to be read.' })
  @IsWholeNumber(0, Number.MAX_SAFE_INTEGER)
  readonly offset!: number;
}

/** Data of `unsubscribe`. */
export class UnsubscribeDto {
  @Member(SUBSCRIPTION)
  @IsSubscriptionName()
  readonly subscription!: string;
}

/** Data of `ping`: none; an empty object may be sent. */
// oxlint-disable-next-line typescript/no-extraneous-class -- the data has no members
export class PingDto {}
