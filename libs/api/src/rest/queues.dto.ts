import type {
  InFlightRecord,
  InFlightRequest,
  OffsetRange,
  PartitionEnd,
  PurgeRequest,
  RedriveRequest,
  RedriveResult,
  WaitingDeadLetters,
} from '#broker';
import type { ListAs } from '../schema/contract-types.js';
import { listOf } from '../schema/dto-schemas.js';
import { nullable } from '../schema/json-schema.js';
import {
  Accepts,
  FromText,
  IsText,
  IsWholeNumber,
  Member,
  OptionalMember,
} from '../schema/members.js';
import { wholeNumberFromText } from '../schema/query-text.js';
import { COUNT, INT32_MAX, OFFSET, PARTITION } from '../schema/values.js';
import { isPartitions } from './group-members.dto.js';
import { IN_FLIGHT_LIST_DEFAULT, IN_FLIGHT_LIST_MAX } from './limits.js';

const TEXT = { type: 'string' } as const;
const TIME = { type: 'integer', minimum: 0 } as const;

/** Query of `GET /v1/groups/{group}/queue/records`. */
export class InFlightQuery implements Partial<InFlightRequest> {
  @OptionalMember({ ...TEXT, description: 'All topics unless given.' })
  @IsText('must be the name of one topic')
  readonly topic?: string;

  @OptionalMember({ ...PARTITION, description: 'All partitions unless given.' })
  @FromText(wholeNumberFromText)
  @IsWholeNumber(0, INT32_MAX)
  readonly partition?: number;

  @OptionalMember({
    ...OFFSET,
    default: 0,
    description: 'Lowest offset of each partition: the one after the last record of a full answer.',
  })
  @FromText(wholeNumberFromText)
  @IsWholeNumber(0, Number.MAX_SAFE_INTEGER)
  readonly offset?: number;

  @OptionalMember({
    ...COUNT,
    minimum: 1,
    maximum: IN_FLIGHT_LIST_MAX,
    default: IN_FLIGHT_LIST_DEFAULT,
  })
  @FromText(wholeNumberFromText)
  @IsWholeNumber(1, IN_FLIGHT_LIST_MAX)
  readonly limit?: number;
}

export class InFlightRecordDto implements InFlightRecord {
  @Member(TEXT)
  readonly topic!: string;

  @Member(PARTITION)
  readonly partition!: number;

  @Member({ ...OFFSET, description: 'A fetch at this offset shows the record itself.' })
  readonly offset!: number;

  @Member({
    type: 'string',
    enum: ['available', 'acquired', 'delayed', 'archiving'],
    description:
      'It waits for a member; a member has it; it waits for a time; or its dead letter is being written.',
  })
  readonly state!: InFlightRecord['state'];

  @Member({ ...COUNT, description: 'Number of the delivery under way, or of the next one.' })
  readonly deliveryCount!: number;

  @Member({ ...nullable(TEXT), description: 'Member that has the record.' })
  readonly memberId!: string | null;

  @Member({ ...nullable(TIME), description: 'Milliseconds that are left of its lock.' })
  readonly lockLeftMs!: number | null;

  @Member({
    ...nullable(TIME),
    description: 'Milliseconds since the epoch before which it is not delivered; null: at once.',
  })
  readonly availableAt!: number | null;
}

export class InFlightRecordsDto implements ListAs<'records', InFlightRecord> {
  @Member(listOf(InFlightRecordDto))
  readonly records!: readonly InFlightRecordDto[];
}

/** Body of `POST /v1/groups/{group}/queue/purge`. */
export class PurgeQueueDto implements PurgeRequest {
  @Member(TEXT)
  @IsText()
  readonly topic!: string;

  @OptionalMember({ type: 'array', items: PARTITION, description: 'All partitions unless given.' })
  @Accepts('must be a list of partitions', isPartitions)
  readonly partitions?: readonly number[];
}

export class PartitionEndDto implements PartitionEnd {
  @Member(TEXT)
  readonly topic!: string;

  @Member(PARTITION)
  readonly partition!: number;

  @Member({ ...OFFSET, description: 'Records from this offset on are delivered.' })
  readonly offset!: number;
}

export class PurgedDto implements ListAs<'partitions', PartitionEnd> {
  @Member(listOf(PartitionEndDto))
  readonly partitions!: readonly PartitionEndDto[];
}

/** Body of `POST /v1/groups/{group}/dead-letters/redrive`. */
export class RedriveDto implements RedriveRequest {
  @OptionalMember({
    ...COUNT,
    minimum: 1,
    description: 'Most dead letters to put back; all unless given.',
  })
  @IsWholeNumber(1, INT32_MAX)
  readonly limit?: number;

  @OptionalMember({ ...TEXT, description: 'Only dead letters of this topic.' })
  @IsText()
  readonly topic?: string;
}

export class RedrivenDto implements RedriveResult {
  @Member({ ...COUNT, description: 'Records that were put back.' })
  readonly redriven!: number;

  @Member({
    ...COUNT,
    description:
      'Dead letters that stay: their topic is gone, they are not copies of their records, or they are too large.',
  })
  readonly skipped!: number;
}

export class OffsetRangeDto implements OffsetRange {
  @Member(OFFSET)
  readonly firstOffset!: number;

  @Member(OFFSET)
  readonly lastOffset!: number;
}

export class WaitingDeadLettersDto implements WaitingDeadLetters {
  @Member({ ...TEXT, description: 'The dead-letter topic.' })
  readonly topic!: string;

  @Member(PARTITION)
  readonly partition!: number;

  @Member({ ...OFFSET, description: 'All dead letters of the group from this offset on wait.' })
  readonly position!: number;

  @Member({ ...listOf(OffsetRangeDto), description: 'Those before it that wait, in order.' })
  readonly waiting!: readonly OffsetRangeDto[];
}

export class DeadLettersDto implements ListAs<'partitions', WaitingDeadLetters> {
  @Member(listOf(WaitingDeadLettersDto))
  readonly partitions!: readonly WaitingDeadLettersDto[];
}
