import { ApiPropertyOptional, ApiSchema } from '@nestjs/swagger';
import { IsOneOf, IsWholeNumber, OptionalMember } from './members.js';
import { BROKER_ID } from './schemas.js';

const INT32_MAX = 2 ** 31 - 1;
const TYPES = ['preferred', 'unclean'] as const;

/** Body of `POST /v1/topics/{topic}/partitions/{partition}/leader-election`. */
@ApiSchema({ name: 'ElectLeader' })
export class ElectLeaderDto {
  @ApiPropertyOptional({ type: 'string', enum: [...TYPES], default: 'preferred' })
  @OptionalMember()
  @IsOneOf(TYPES, 'must be "preferred" or "unclean"')
  readonly type?: (typeof TYPES)[number];

  @ApiPropertyOptional({
    ...BROKER_ID,
    description: 'The new leader in an `unclean` election; by default any live replica.',
  })
  @OptionalMember()
  @IsWholeNumber(0, INT32_MAX, 'must be a broker id')
  readonly replica?: number;
}
