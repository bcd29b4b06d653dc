import type { AlterTopicRequest } from '#broker';
import { ref } from '../schema/json-schema.js';
import { IsMap, IsWholeNumber, OptionalMember } from '../schema/members.js';
import { COUNT, INT32_MAX } from '../schema/values.js';

/** Body of `PATCH /v1/topics/{topic}`. */
export class AlterTopicDto implements AlterTopicRequest {
  @OptionalMember({
    ...COUNT,
    minimum: 1,
    description: 'The new number of partitions, at least the current one.',
  })
  @IsWholeNumber(-INT32_MAX, INT32_MAX, `must be a whole number of at most ${INT32_MAX}`)
  readonly partitions?: number;

  @OptionalMember(ref('ConfigsToSet'))
  @IsMap('must be an object of configs')
  readonly configs?: Record<string, unknown>;
}
