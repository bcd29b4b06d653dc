import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { ArrayNotEmpty, IsArray, IsObject, IsString, ValidateNested } from 'class-validator';
import { IsWholeNumber, OptionalMember } from './members.js';

const INT32_MAX = 2 ** 31 - 1;

/** One offset to commit: the next one to read. */
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
export class CommitOffsetsDto {
  @ApiProperty({ type: [OffsetToCommitDto], minItems: 1 })
  @IsArray({ message: 'must be a list of offsets' })
  @ArrayNotEmpty({ message: 'must have at least one offset' })
  @IsObject({ each: true, message: 'must have objects with topic, partition and offset' })
  @ValidateNested({ each: true })
  @Type(() => OffsetToCommitDto)
  readonly offsets!: OffsetToCommitDto[];
}
