import { ApiProperty, ApiPropertyOptional, ApiSchema } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsString, ValidateNested } from 'class-validator';
import { IsListOfObjects, IsWholeNumber, OptionalMember } from './members.js';

const INT32_MAX = 2 ** 31 - 1;

/** One offset to commit: the next one to read. */
@ApiSchema({ name: 'OffsetToCommit' })
export class OffsetToCommitDto {
  @ApiProperty({ type: 'string' })
  @IsString({ message: 'must be a string' })
  readonly topic!: string;

  @ApiProperty({ type: 'integer', minimum: 0 })
  @IsWholeNumber(0, INT32_MAX)
  readonly partition!: number;

  @ApiProperty({ type: 'integer', minimum: 0, description: 'The next offset to read.' })
  @IsWholeNumber(0, Number.MAX_SAFE_INTEGER)
  readonly offset!: number;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    description: 'Leader epoch of the last record read.',
  })
  @OptionalMember()
  @IsWholeNumber(0, INT32_MAX)
  readonly leaderEpoch?: number;

  @ApiPropertyOptional({ type: 'string', description: 'A text of your own, answered as it is.' })
  @OptionalMember()
  @IsString({ message: 'must be a string' })
  readonly metadata?: string;
}

/** Body of `PUT /v1/groups/{group}/offsets`. */
@ApiSchema({ name: 'CommitOffsets' })
export class CommitOffsetsDto {
  @ApiProperty({ type: [OffsetToCommitDto], minItems: 1 })
  @IsListOfObjects('must be a list of at least one {topic, partition, offset}')
  @ValidateNested({ each: true })
  @Type(() => OffsetToCommitDto)
  readonly offsets!: OffsetToCommitDto[];
}
