/** What the gateway sends, for the AsyncAPI document; the broker's own types are what is sent. */
import { ApiProperty, ApiPropertyOptional, ApiSchema } from '@nestjs/swagger';
import { OffsetToCommitDto } from '../../http/dto/commit-offsets.dto.js';
import { COUNT, OFFSET, PARTITION } from '../../http/dto/schemas.js';
import { ref } from '../../http/openapi/openapi-types.js';
import { SUBSCRIPTION } from './members.js';
import { PositionDto, TopicPartitionDto } from './positions.dto.js';

/** Data of `subscribed`. */
@ApiSchema({ name: 'Subscribed' })
export class SubscribedDto {
  @ApiProperty(SUBSCRIPTION)
  readonly subscription!: string;

  @ApiProperty({
    type: [PositionDto],
    description: 'Where each partition is read on; to be sent as `from.offsets` to resume.',
  })
  readonly positions!: PositionDto[];
}

/** Data of `committed`. */
@ApiSchema({ name: 'Committed' })
export class CommittedDto {
  @ApiProperty(SUBSCRIPTION)
  readonly subscription!: string;

  @ApiProperty({ type: 'string' })
  readonly group!: string;

  @ApiProperty({ type: [OffsetToCommitDto] })
  readonly offsets!: OffsetToCommitDto[];
}

/** Data of `published`. */
@ApiSchema({ name: 'Published' })
export class PublishedDto {
  @ApiProperty({
    description:
      'In the order of the records; null with `acks: "0"`. An entry has an `error` in place of its ' +
      'offset where the records of that partition were not written and others were.',
    type: 'array',
    items: ref('PartlyProducedOffset'),
    nullable: true,
  })
  readonly offsets!: object[] | null;
}

/** Data of `unsubscribed`. */
@ApiSchema({ name: 'Unsubscribed' })
export class UnsubscribedDto {
  @ApiProperty(SUBSCRIPTION)
  readonly subscription!: string;
}

/** Data of `pong`: an empty object. */
@ApiSchema({ name: 'Pong' })
export class PongDto {}

/** Data of `records`. */
@ApiSchema({ name: 'Records' })
export class RecordsDto {
  @ApiProperty(SUBSCRIPTION)
  readonly subscription!: string;

  @ApiProperty({ type: 'string' })
  readonly topic!: string;

  @ApiProperty(PARTITION)
  readonly partition!: number;

  @ApiProperty({
    type: 'array',
    minItems: 1,
    items: ref('FetchedRecord'),
    description: 'Consecutive records of the partition, in the order of their offsets.',
  })
  readonly records!: object[];

  @ApiProperty({ ...OFFSET, description: 'As it was when the records were read.' })
  readonly highWatermark!: number;

  @ApiProperty(PARTITION)
  readonly leaderEpoch!: number;
}

/** Data of `assigned`. */
@ApiSchema({ name: 'Assigned' })
export class AssignedDto {
  @ApiProperty(SUBSCRIPTION)
  readonly subscription!: string;

  @ApiProperty({ type: [TopicPartitionDto], description: 'Read from offset 0.' })
  readonly partitions!: TopicPartitionDto[];
}

/** An error: the problem document of HTTP (RFC 9457), and the subscription that it is about. */
@ApiSchema({ name: 'SocketProblem' })
class SocketProblemDto {
  @ApiPropertyOptional(SUBSCRIPTION)
  readonly subscription?: string;

  @ApiProperty({ type: 'string', description: 'Names the code.' })
  readonly type!: string;

  @ApiProperty({ type: 'string' })
  readonly title!: string;

  @ApiProperty({ ...COUNT, description: 'The status that HTTP has for it.' })
  readonly status!: number;

  @ApiProperty({ type: 'string', description: 'What was wrong, for a person.' })
  readonly detail!: string;

  @ApiProperty({
    type: 'string',
    description: 'Path of the WebSocket, with the prefix of SLUICE_PUBLIC_URL.',
  })
  readonly instance!: string;

  @ApiProperty({ type: 'string', description: "Kafka's error name." })
  readonly code!: string;

  @ApiProperty({ type: 'boolean', description: 'The same message may succeed later.' })
  readonly retriable!: boolean;

  @ApiPropertyOptional({
    type: 'string',
    enum: ['failed', 'unknown', 'applied'],
    description: 'Of a message that writes: what it has done.',
  })
  readonly outcome?: string;

  @ApiPropertyOptional({
    type: 'array',
    description: 'Each fault with its place in the message.',
    items: ref('Fault'),
  })
  readonly errors?: object[];

  @ApiPropertyOptional({ type: 'string', description: 'Of an error about one partition.' })
  readonly topic?: string;

  @ApiPropertyOptional(PARTITION)
  readonly partition?: number;

  @ApiPropertyOptional({ ...OFFSET, description: 'With OFFSET_OUT_OF_RANGE.' })
  readonly logStartOffset?: number;

  @ApiPropertyOptional({ ...OFFSET, description: 'With OFFSET_OUT_OF_RANGE.' })
  readonly highWatermark?: number;
}

/** Data of `error`. */
@ApiSchema({ name: 'SocketError' })
export class SocketErrorDto extends SocketProblemDto {}

/**
 * Data of `reset`: a position was not in the log any more, and why; reading went on at `offset`.
 */
@ApiSchema({ name: 'Reset' })
export class ResetDto extends SocketProblemDto {
  @ApiProperty({ ...OFFSET, description: 'The next offset that is delivered.' })
  readonly offset!: number;
}
