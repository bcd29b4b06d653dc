import type { CreateTopicRequest } from '#broker';
import { ref } from '../schema/json-schema.js';
import {
  IsMap,
  IsReplicaAssignment,
  IsText,
  IsWholeNumber,
  Member,
  OptionalMember,
} from '../schema/members.js';
import { BROKER_ID, COUNT, INT32_MAX } from '../schema/values.js';

/**
 * Kafka counts partitions in an int32 and replicas in an int16; the broker sets narrower bounds.
 */
const INT16_MAX = 2 ** 15 - 1;

/** Body of `POST /v1/topics`. */
export class CreateTopicDto implements CreateTopicRequest {
  @Member({
    type: 'string',
    description:
      'Letters, digits, ".", "_" and "-"; not "." or "..". Names that begin with "__" are internal.',
    minLength: 1,
    maxLength: 249,
    pattern: '^[a-zA-Z0-9._-]+$',
  })
  @IsText()
  readonly name!: string;

  @OptionalMember({ ...COUNT, minimum: 1, default: 1 })
  @IsWholeNumber(-INT32_MAX, INT32_MAX, `must be a whole number of at most ${INT32_MAX}`)
  readonly partitions?: number;

  @OptionalMember({
    ...COUNT,
    minimum: 1,
    description: 'Default: 3, or the number of brokers if there are fewer.',
  })
  @IsWholeNumber(-INT16_MAX, INT16_MAX, `must be a whole number of at most ${INT16_MAX}`)
  readonly replicationFactor?: number;

  @OptionalMember(ref('ConfigsToSet'))
  @IsMap('must be an object of configs')
  readonly configs?: Record<string, unknown>;

  @OptionalMember({
    type: 'array',
    items: { type: 'array', items: BROKER_ID },
    description: 'One list per partition: its brokers, the preferred leader first.',
  })
  @IsReplicaAssignment()
  readonly replicaAssignment?: readonly (readonly number[])[];
}
