import { ApiPropertyOptional, ApiSchema } from '@nestjs/swagger';
import { ref } from '../openapi/openapi-types.js';
import { IsMap, IsWholeNumber, OptionalMember } from './members.js';
import { COUNT } from './schemas.js';

const INT32_MAX = 2 ** 31 - 1;

/** Body of `PATCH /v1/topics/{topic}`. */
@ApiSchema({ name: 'AlterTopic' })
export class AlterTopicDto {
  @ApiPropertyOptional({
    ...COUNT,
    minimum: 1,
    description: 'The new number of partitions, at least the current one.',
  })
  @OptionalMember()
  @IsWholeNumber(-INT32_MAX, INT32_MAX, 'must be a whole number')
  readonly partitions?: number;

  @ApiPropertyOptional(ref('ConfigsToSet'))
  @OptionalMember()
  @IsMap('must be an object of configs')
  readonly configs?: Record<string, unknown>;
}
