/** Messages of the gateway, for the AsyncAPI document; the broker's own types are sent. */
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
    description: 'Next offset of each partition; send it as `from.offsets` to resume.',
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
      'In the order of the records; null with `acks: "0"`. An entry has an `error` and no ' +
      'offset if the records of its partition were not written but others were.',
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

  @ApiProperty({ ...OFFSET, description: 'The high watermark at the time of the read.' })
  readonly highWatermark!: number;

  @ApiProperty(PARTITION)
  readonly leaderEpoch!: number;
}

/** Data of `assigned`. */
@ApiSchema({ name: 'Assigned' })
export class AssignedDto {
  @ApiProperty(SUBSCRIPTION)
  readonly subscription!: string;

  @ApiProperty({
    type: [TopicPartitionDto],
    description: 'The added partitions, read from offset 0.',
  })
  readonly partitions!: TopicPartitionDto[];
}

/** An error: the problem document of HTTP (RFC 9457), and its subscription. */
@ApiSchema({ name: 'SocketProblem' })
class SocketProblemDto {
  @ApiPropertyOptional(SUBSCRIPTION)
  readonly subscription?: string;

  @ApiProperty({ type: 'string', description: 'URI that identifies the code.' })
  readonly type!: string;

  @ApiProperty({ type: 'string' })
  readonly title!: string;

  @ApiProperty({ ...COUNT, description: 'The HTTP status of the code.' })
  readonly status!: number;

  @ApiProperty({ type: 'string', description: 'Description of the fault, for people.' })
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
    description: 'Effect of a message that writes.',
  })
  readonly outcome?: string;

  @ApiPropertyOptional({
    type: 'array',
    description: 'Each fault with its location in the message.',
    items: ref('Fault'),
  })
  readonly errors?: object[];

  @ApiPropertyOptional({ type: 'string', description: 'Topic of an error about one partition.' })
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
 * Data of `reset`: a position was no longer in the log, with the reason; reading continues at
 * `offset`.
 */
@ApiSchema({ name: 'Reset' })
export class ResetDto extends SocketProblemDto {
  @ApiProperty({ ...OFFSET, description: 'The next offset that is delivered.' })
  readonly offset!: number;
}
