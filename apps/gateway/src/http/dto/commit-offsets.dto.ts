import { ApiProperty, ApiPropertyOptional, ApiSchema } from '@nestjs/swagger';
import {
  IsAnsweredOnly,
  IsListOf,
  IsText,
  IsWholeNumber,
  NullableMember,
  OptionalMember,
} from './members.js';
import { NULLABLE_LEADER_EPOCH, NULLABLE_OFFSET, OFFSET, PARTITION } from './schemas.js';

const INT32_MAX = 2 ** 31 - 1;

/** One offset to commit: the next one to read. */
@ApiSchema({ name: 'OffsetToCommit' })
export class OffsetToCommitDto {
  @ApiProperty({ type: 'string' })
  @IsText()
  readonly topic!: string;

  @ApiProperty(PARTITION)
  @IsWholeNumber(0, INT32_MAX)
  readonly partition!: number;

  @ApiProperty({
    ...OFFSET,
    description:
      'The next offset to read. null is accepted, because a partition without a committed offset is answered ' +
      'with it: such an entry is ignored.',
  })
  @NullableMember()
  @IsWholeNumber(0, Number.MAX_SAFE_INTEGER)
  readonly offset!: number | null;

  @ApiPropertyOptional({
    ...NULLABLE_LEADER_EPOCH,
    description: 'Leader epoch of the last record read.',
  })
  @OptionalMember()
  @NullableMember()
  @IsWholeNumber(0, INT32_MAX)
  readonly leaderEpoch?: number | null;

  @ApiPropertyOptional({
    type: 'string',
    nullable: true,
    description: 'Any text of the client; it is returned unchanged.',
  })
  @OptionalMember()
  @NullableMember()
  @IsText()
  readonly metadata?: string | null;

  @ApiPropertyOptional({ ...NULLABLE_OFFSET, readOnly: true, description: 'Ignored.' })
  @IsAnsweredOnly()
  readonly highWatermark?: unknown;

  @ApiPropertyOptional({ ...NULLABLE_OFFSET, readOnly: true, description: 'Ignored.' })
  @IsAnsweredOnly()
  readonly lag?: unknown;
}

/** Body of `PUT /v1/groups/{group}/offsets`. */
@ApiSchema({ name: 'CommitOffsets' })
export class CommitOffsetsDto {
  @ApiProperty({ type: [OffsetToCommitDto], minItems: 1 })
  @IsListOf(() => OffsetToCommitDto, 'must be a list of at least one {topic, partition, offset}')
  readonly offsets!: OffsetToCommitDto[];
}
