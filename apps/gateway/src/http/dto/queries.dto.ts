import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import {
  FromText,
  IsText,
  IsTrueOrFalse,
  IsWholeNumber,
  MatchesText,
  OptionalMember,
} from './members.js';
import { booleanFromText, wholeNumberFromText } from './query-text.js';
import { OFFSET } from './schemas.js';

/** Query of `GET /v1/topics`. */
export class ListTopicsQuery {
  @ApiPropertyOptional({ type: 'boolean', default: false, description: 'Include internal topics.' })
  @OptionalMember()
  @FromText(booleanFromText)
  @IsTrueOrFalse()
  readonly internal?: boolean;
}

/** Query of `DELETE .../records`. */
export class DeleteRecordsQuery {
  @ApiProperty({
    ...OFFSET,
    description: 'All records below this offset are deleted; at most the high watermark.',
  })
  @FromText(wholeNumberFromText)
  @IsWholeNumber(0, Number.MAX_SAFE_INTEGER)
  readonly beforeOffset!: number;
}

/** Query of `DELETE .../lost-records`. */
export class AcceptDataLossQuery {
  @ApiProperty({
    ...OFFSET,
    description: 'The first missing offset, as in /health/ready.',
  })
  @FromText(wholeNumberFromText)
  @IsWholeNumber(0, Number.MAX_SAFE_INTEGER)
  readonly startOffset!: number;

  @ApiProperty({
    ...OFFSET,
    description: 'The first offset after the missing ones, as in /health/ready.',
  })
  @FromText(wholeNumberFromText)
  @IsWholeNumber(0, Number.MAX_SAFE_INTEGER)
  readonly endOffset!: number;
}

/** Query of `GET .../offsets`. */
export class ListOffsetQuery {
  @ApiProperty({
    type: 'string',
    pattern: '^(earliest|latest|[0-9]{1,16})$',
    description: '"earliest", "latest" or a time in milliseconds since the epoch.',
  })
  @MatchesText(
    /^(earliest|latest|\d{1,16})$/,
    'must be "earliest", "latest" or milliseconds since the epoch',
  )
  readonly at!: string;
}

/** Query of `GET /v1/groups/{group}/offsets`. */
export class CommittedOffsetsQuery {
  @ApiPropertyOptional({ type: 'string', description: 'Only the partitions of this topic.' })
  @OptionalMember()
  @IsText('must be the name of one topic')
  readonly topic?: string;
}
