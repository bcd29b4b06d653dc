import type { OffsetRange } from '#log';
import {
  FromText,
  IsText,
  IsTrueOrFalse,
  IsWholeNumber,
  MatchesText,
  Member,
  OptionalMember,
} from '../schema/members.js';
import { booleanFromText, wholeNumberFromText } from '../schema/query-text.js';
import { OFFSET } from '../schema/values.js';

/** Query of `GET /v1/topics`. */
export class ListTopicsQuery {
  @OptionalMember({ type: 'boolean', default: false, description: 'Include internal topics.' })
  @FromText(booleanFromText)
  @IsTrueOrFalse()
  readonly internal?: boolean;
}

/** Query of `DELETE .../records`. */
export class DeleteRecordsQuery {
  @Member({
    ...OFFSET,
    description: 'All records below this offset are deleted; at most the high watermark.',
  })
  @FromText(wholeNumberFromText)
  @IsWholeNumber(0, Number.MAX_SAFE_INTEGER)
  readonly beforeOffset!: number;
}

/** Query of `DELETE .../lost-records`. */
export class AcceptDataLossQuery implements OffsetRange {
  @Member({
    ...OFFSET,
    description: 'The first missing offset, as in /health/ready.',
  })
  @FromText(wholeNumberFromText)
  @IsWholeNumber(0, Number.MAX_SAFE_INTEGER)
  readonly startOffset!: number;

  @Member({
    ...OFFSET,
    description: 'The first offset after the missing ones, as in /health/ready.',
  })
  @FromText(wholeNumberFromText)
  @IsWholeNumber(0, Number.MAX_SAFE_INTEGER)
  readonly endOffset!: number;
}

/** Query of `GET .../offsets`. */
export class ListOffsetQuery {
  @Member({
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
  @OptionalMember({ type: 'string', description: 'Only the partitions of this topic.' })
  @IsText('must be the name of one topic')
  readonly topic?: string;
}
