import type { PartitionPosition } from '#delivery';
import type { TopicPartition } from '#protocol';
import type { WithNulls } from '../schema/contract-types.js';
import { nullable } from '../schema/json-schema.js';
import { IsText, IsWholeNumber, Member, OptionalMember } from '../schema/members.js';
import { INT32_MAX, OFFSET, PARTITION } from '../schema/values.js';
import { IsSubscriptionName, SUBSCRIPTION } from './members.js';

/** Ids of topics, or their first characters, by name. */
export const TOPIC_IDS = {
  type: 'object',
  additionalProperties: { type: 'string', minLength: 8, maxLength: 64 },
} as const;

/** A partition of a topic. */
export class TopicPartitionDto implements TopicPartition {
  @Member({ type: 'string' })
  @IsText()
  readonly topic!: string;

  @Member(PARTITION)
  @IsWholeNumber(0, INT32_MAX)
  readonly partition!: number;
}

/** A partition that a subscription reads. */
export class SubscribedPartitionDto implements TopicPartition {
  @Member(SUBSCRIPTION)
  @IsSubscriptionName()
  readonly subscription!: string;

  @Member({ type: 'string' })
  @IsText()
  readonly topic!: string;

  @Member(PARTITION)
  @IsWholeNumber(0, INT32_MAX)
  readonly partition!: number;
}

/** The next offset to be read of a partition. */
export class PositionDto extends TopicPartitionDto implements PartitionPosition {
  @Member({ ...OFFSET, description: 'The next offset to be read.' })
  readonly offset!: number;
}

/** A start position. */
export class StartPositionDto extends PositionDto implements WithNulls<PartitionPosition> {
  @OptionalMember({
    ...nullable(PARTITION),
    description: 'Leader epoch of the last record read: detects a truncation.',
  })
  readonly leaderEpoch?: number | null;
}
