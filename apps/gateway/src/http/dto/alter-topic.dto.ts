import { ApiPropertyOptional, ApiSchema } from '@nestjs/swagger';
import { IsObject } from 'class-validator';
import { CONFIGS_TO_SET } from './create-topic.dto.js';
import { IsWholeNumber, OptionalMember } from './members.js';

const INT32_MAX = 2 ** 31 - 1;

/** Body of `PATCH /v1/topics/{topic}`. */
@ApiSchema({ name: 'AlterTopic' })
export class AlterTopicDto {
  @ApiPropertyOptional({
    type: 'integer',
    minimum: 1,
    description: 'The new number of partitions: at least the present one.',
  })
  @OptionalMember()
  @IsWholeNumber(-INT32_MAX, INT32_MAX, 'must be a whole number')
  readonly partitions?: number;

  @ApiPropertyOptional({
    ...CONFIGS_TO_SET,
    description: 'Configs to set; those not named stay. null resets one to its default.',
  })
  @OptionalMember()
  @IsObject({ message: 'must be an object of configs' })
  readonly configs?: Record<string, unknown>;
}
