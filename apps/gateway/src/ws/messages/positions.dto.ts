import { ApiProperty, ApiPropertyOptional, ApiSchema } from '@nestjs/swagger';
import { OFFSET, PARTITION } from '../../http/dto/schemas.js';

/** A partition of a topic. */
@ApiSchema({ name: 'TopicPartition' })
export class TopicPartitionDto {
  @ApiProperty({ type: 'string' })
  readonly topic!: string;

  @ApiProperty(PARTITION)
  readonly partition!: number;
}

/** The next offset to be read of a partition. */
@ApiSchema({ name: 'Position' })
export class PositionDto extends TopicPartitionDto {
  @ApiProperty({ ...OFFSET, description: 'The next offset to be read.' })
  readonly offset!: number;
}

/** A start position. */
@ApiSchema({ name: 'StartPosition' })
export class StartPositionDto extends PositionDto {
  @ApiPropertyOptional({
    ...PARTITION,
    nullable: true,
    description: 'Leader epoch of the last record read: detects a truncation.',
  })
  readonly leaderEpoch?: number | null;
}
