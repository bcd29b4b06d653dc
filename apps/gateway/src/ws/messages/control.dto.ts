import { ApiProperty, ApiPropertyOptional, ApiSchema } from '@nestjs/swagger';
import { OffsetToCommitDto } from '../../http/dto/commit-offsets.dto.js';
import { IsListOf, IsText, IsWholeNumber, OptionalMember } from '../../http/dto/members.js';
import { OFFSET, PARTITION } from '../../http/dto/schemas.js';
import { INT32_MAX, IsSubscriptionName, SUBSCRIPTION } from './members.js';

/** Data of `credit`. */
@ApiSchema({ name: 'Credit' })
export class CreditDto {
  @ApiProperty(SUBSCRIPTION)
  @IsSubscriptionName()
  readonly subscription!: string;

  @ApiProperty({
    ...OFFSET,
    minimum: 1,
    description: 'Number of further records that may be delivered.',
  })
  @IsWholeNumber(1, Number.MAX_SAFE_INTEGER)
  readonly records!: number;
}

/** Data of `commit`. */
@ApiSchema({ name: 'Commit' })
export class CommitDto {
  @ApiProperty(SUBSCRIPTION)
  @IsSubscriptionName()
  readonly subscription!: string;

  @ApiProperty({
    type: 'string',
    minLength: 1,
    maxLength: 255,
    description: 'The consumer group; subscriptions have no group of their own yet.',
  })
  @OptionalMember()
  @IsText()
  readonly group?: string;

  @ApiProperty({ type: [OffsetToCommitDto], minItems: 1 })
  @IsListOf(() => OffsetToCommitDto, 'must be a list of at least one {topic, partition, offset}')
  readonly offsets!: OffsetToCommitDto[];
}

/** Data of `seek`. */
@ApiSchema({ name: 'Seek' })
export class SeekDto {
  @ApiProperty(SUBSCRIPTION)
  @IsSubscriptionName()
  readonly subscription!: string;

  @ApiProperty({ type: 'string' })
  @IsText()
  readonly topic!: string;

  @ApiProperty(PARTITION)
  @IsWholeNumber(0, INT32_MAX)
  readonly partition!: number;

  @ApiProperty({ ...OFFSET, description: 'The next offset to be read.' })
  @IsWholeNumber(0, Number.MAX_SAFE_INTEGER)
  readonly offset!: number;
}

/** Data of `unsubscribe`. */
@ApiSchema({ name: 'Unsubscribe' })
export class UnsubscribeDto {
  @ApiProperty(SUBSCRIPTION)
  @IsSubscriptionName()
  readonly subscription!: string;
}

/** Data of `ack`, `nack`, `extend` and `reject`. */
@ApiSchema({ name: 'Acknowledge' })
export class AcknowledgeDto {
  @ApiProperty(SUBSCRIPTION)
  @IsSubscriptionName()
  readonly subscription!: string;

  @ApiProperty({ type: 'string' })
  @IsText()
  readonly topic!: string;

  @ApiProperty(PARTITION)
  @IsWholeNumber(0, INT32_MAX)
  readonly partition!: number;

  @ApiProperty(OFFSET)
  @IsWholeNumber(0, Number.MAX_SAFE_INTEGER)
  readonly offset!: number;

  @ApiPropertyOptional(OFFSET)
  @OptionalMember()
  @IsWholeNumber(0, Number.MAX_SAFE_INTEGER)
  readonly delayMs?: number;
}

/** Data of `ping`: none; an empty object may be sent. */
@ApiSchema({ name: 'Ping' })
export class PingDto {}
