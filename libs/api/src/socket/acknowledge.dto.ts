import type { QueueAck } from '#broker';
import { DELAY_MS_MAX, REASON_LENGTH_MAX } from '../rest/limits.js';
import { IsText, IsWholeNumber, OptionalMember } from '../schema/members.js';
import { COUNT, INT32_MAX, OFFSET } from '../schema/values.js';
import { IsListOfOffsets } from './members.js';
import { SubscribedPartitionDto } from './positions.dto.js';

/** The members of an ack; a message may name several offsets, and its event is the type. */
type Acknowledgement = Omit<QueueAck, 'offset' | 'type'>;

/** Data of `ack` and `extend`. */
export class AcknowledgeDto extends SubscribedPartitionDto implements Acknowledgement {
  @OptionalMember({ ...OFFSET, description: 'Either `offset` or `offsets`.' })
  @IsWholeNumber(0, Number.MAX_SAFE_INTEGER)
  readonly offset?: number;

  @OptionalMember({
    type: 'array',
    items: OFFSET,
    minItems: 1,
    uniqueItems: true,
    description: 'Several records of the partition.',
  })
  @IsListOfOffsets()
  readonly offsets?: readonly number[];

  @OptionalMember({
    ...COUNT,
    minimum: 1,
    maximum: INT32_MAX,
    description:
      'The delivery that is meant: an earlier or later one is refused. Default: the one in progress.',
  })
  @IsWholeNumber(1, INT32_MAX)
  readonly deliveryCount?: number;
}

/** Data of `nack`. */
export class NackDto extends AcknowledgeDto implements Acknowledgement {
  @OptionalMember({
    ...COUNT,
    maximum: DELAY_MS_MAX,
    description: "Time until the next delivery. Default: the back-off of the group's configs.",
  })
  @IsWholeNumber(0, DELAY_MS_MAX)
  readonly delayMs?: number;

  @OptionalMember({
    type: 'string',
    maxLength: REASON_LENGTH_MAX,
    description: 'Text for the dead letter, if this was the last delivery.',
  })
  @IsText()
  readonly reason?: string;
}

/** Data of `reject`. */
export class RejectDto extends AcknowledgeDto implements Acknowledgement {
  @OptionalMember({
    type: 'string',
    maxLength: REASON_LENGTH_MAX,
    description: 'Text for the dead letter.',
  })
  @IsText()
  readonly reason?: string;
}
