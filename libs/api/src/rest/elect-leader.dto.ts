import type { ElectLeaderRequest } from '#broker';
import { IsOneOf, IsWholeNumber, OptionalMember } from '../schema/members.js';
import { BROKER_ID, INT32_MAX } from '../schema/values.js';

const TYPES = ['preferred', 'unclean'] as const;

/** Body of `POST /v1/topics/{topic}/partitions/{partition}/leader-election`. */
export class ElectLeaderDto implements Partial<ElectLeaderRequest> {
  @OptionalMember({ type: 'string', enum: [...TYPES], default: 'preferred' })
  @IsOneOf(TYPES, 'must be "preferred" or "unclean"')
  readonly type?: (typeof TYPES)[number];

  @OptionalMember({
    ...BROKER_ID,
    description: 'The new leader in an `unclean` election; by default any live replica.',
  })
  @IsWholeNumber(0, INT32_MAX, 'must be a broker id')
  readonly replica?: number;
}
