import { nullable } from '../schema/json-schema.js';
import { IsText, IsWholeNumber, Member, OptionalMember } from '../schema/members.js';
import { INT32_MAX, OFFSET, PARTITION } from '../schema/values.js';

/** A partition of a topic. */
export class TopicPartitionDto {
  @Member({ type: 'string' })
  @IsText()
  readonly topic!: string;

  @Member(PARTITION)
  @IsWholeNumber(0, INT32_MAX)
  readonly partition!: number;
}

/** The next offset to be read of a partition. */
export class PositionDto extends TopicPartitionDto {
  @Member({ ...OFFSET, description: 'The next offset to be read.' })
  readonly offset!: number;
}

/** A start position. */
export class StartPositionDto extends PositionDto {
  @OptionalMember({
    ...nullable(PARTITION),
    description: 'Leader epoch of the last record read: detects a truncation.',
  })
  readonly leaderEpoch?: number | null;
}
