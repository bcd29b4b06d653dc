import { ApiProperty, ApiPropertyOptional, ApiSchema } from '@nestjs/swagger';
import { ref } from '../openapi/openapi-types.js';
import { IsMap, IsReplicaAssignment, IsText, IsWholeNumber, OptionalMember } from './members.js';
import { BROKER_ID, COUNT } from './schemas.js';

/**
 * Kafka counts partitions in an int32 and replicas in an int16; the broker sets narrower bounds.
 */
const INT32_MAX = 2 ** 31 - 1;
const INT16_MAX = 2 ** 15 - 1;

/** Body of `POST /v1/topics`. */
@ApiSchema({ name: 'CreateTopic' })
export class CreateTopicDto {
  @ApiProperty({
    type: 'string',
    description:
      'Letters, digits, ".", "_" and "-"; not "." or "..". Names that begin with "__" are internal.',
    minLength: 1,
    maxLength: 249,
    pattern: '^[a-zA-Z0-9._-]+$',
  })
  @IsText()
  readonly name!: string;

  @ApiPropertyOptional({ ...COUNT, minimum: 1, default: 1 })
  @OptionalMember()
  @IsWholeNumber(-INT32_MAX, INT32_MAX, 'must be a whole number')
  readonly partitions?: number;

  @ApiPropertyOptional({
    ...COUNT,
    minimum: 1,
    description: 'Default: 3, or the number of brokers if there are fewer.',
  })
  @OptionalMember()
  @IsWholeNumber(-INT16_MAX, INT16_MAX, 'must be a whole number')
  readonly replicationFactor?: number;

  @ApiPropertyOptional(ref('ConfigsToSet'))
  @OptionalMember()
  @IsMap('must be an object of configs')
  readonly configs?: Record<string, unknown>;

  @ApiPropertyOptional({
    type: 'array',
    items: { type: 'array', items: BROKER_ID },
    description: 'One list per partition: its brokers, the preferred leader first.',
  })
  @OptionalMember()
  @IsReplicaAssignment()
  readonly replicaAssignment?: number[][];
}
