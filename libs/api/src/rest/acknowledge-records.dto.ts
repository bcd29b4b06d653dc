import type { QueueAck, QueueAckResult } from '#broker';
import type { ListAs } from '../schema/contract-types.js';
import { listOf } from '../schema/dto-schemas.js';
import { ref } from '../schema/json-schema.js';
import {
  IsListOf,
  IsOneOf,
  IsText,
  IsWholeNumber,
  Member,
  OptionalMember,
} from '../schema/members.js';
import { COUNT, INT32_MAX, OFFSET, PARTITION } from '../schema/values.js';
import { DELAY_MS_MAX, REASON_LENGTH_MAX } from './limits.js';

const TEXT = { type: 'string' } as const;

export class QueueAckDto implements QueueAck {
  @Member(TEXT)
  @IsText()
  readonly topic!: string;

  @Member(PARTITION)
  @IsWholeNumber(0, INT32_MAX)
  readonly partition!: number;

  @Member(OFFSET)
  @IsWholeNumber(0, Number.MAX_SAFE_INTEGER)
  readonly offset!: number;

  @Member({
    type: 'string',
    enum: ['ack', 'nack', 'extend', 'reject'],
    description:
      '`ack`: it is done. `nack`: it returns to the queue. `reject`: it goes to the dead letters. `extend`: its lock begins again.',
  })
  @IsOneOf(['ack', 'nack', 'extend', 'reject'], 'must be "ack", "nack", "extend" or "reject"')
  readonly type!: 'ack' | 'nack' | 'extend' | 'reject';

  @OptionalMember({
    ...COUNT,
    minimum: 1,
    description: 'The delivery that the ack is for; an ack of an earlier one is refused.',
  })
  @IsWholeNumber(1, INT32_MAX)
  readonly deliveryCount?: number;

  @OptionalMember({
    ...COUNT,
    maximum: DELAY_MS_MAX,
    description: 'Of a `nack`: time until the record is delivered again.',
  })
  @IsWholeNumber(0, DELAY_MS_MAX)
  readonly delayMs?: number;

  @OptionalMember({
    ...TEXT,
    maxLength: REASON_LENGTH_MAX,
    description: 'Of a `reject`, or of the last `nack`: text for the dead letter.',
  })
  @IsText()
  readonly reason?: string;
}

/** Body of `POST .../members/{memberId}/acks`. */
export class AcknowledgeRecordsDto implements ListAs<'acks', QueueAck> {
  @Member(listOf(QueueAckDto, { minItems: 1 }))
  @IsListOf(() => QueueAckDto, 'must be a list of at least one {topic, partition, offset, type}')
  readonly acks!: readonly QueueAckDto[];
}

/** The result of an ack; its error is answered as a problem document. */
type AnsweredAck = Omit<QueueAckResult, 'error'> & { readonly error?: object };

export class QueueAckResultDto implements AnsweredAck {
  @Member(TEXT)
  readonly topic!: string;

  @Member(PARTITION)
  readonly partition!: number;

  @Member(OFFSET)
  readonly offset!: number;

  @OptionalMember(ref('Problem'))
  readonly error?: object;
}

export class QueueAckResultsDto implements ListAs<'acks', AnsweredAck> {
  @Member(listOf(QueueAckResultDto, { description: 'In the order of the request.' }))
  readonly acks!: readonly QueueAckResultDto[];
}
