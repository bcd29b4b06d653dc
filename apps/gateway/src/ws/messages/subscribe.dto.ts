import {
  ApiExtraModels,
  ApiProperty,
  ApiPropertyOptional,
  ApiSchema,
  getSchemaPath,
} from '@nestjs/swagger';
import {
  IsOneOf,
  IsText,
  IsTrueOrFalse,
  IsWholeNumber,
  OptionalMember,
} from '../../http/dto/members.js';
import { OFFSET, PARTITION } from '../../http/dto/schemas.js';
import {
  IsListOfPartitions,
  IsListOfTopics,
  IsStringOrObject,
  IsSubscriptionName,
  SUBSCRIPTION,
} from './members.js';
import { StartPositionDto } from './positions.dto.js';

const OFFSET_BY_PARTITION = {
  type: 'object',
  description: 'With one topic: offsets by partition.',
  minProperties: 1,
  propertyNames: { pattern: '^(0|[1-9][0-9]{0,9})$' },
  additionalProperties: OFFSET,
};

/** Data of `subscribe`. */
@ApiSchema({ name: 'Subscribe' })
@ApiExtraModels(StartPositionDto)
export class SubscribeDto {
  @ApiProperty(SUBSCRIPTION)
  @IsSubscriptionName()
  readonly subscription!: string;

  @ApiPropertyOptional({
    type: 'array',
    items: { type: 'string' },
    minItems: 1,
    uniqueItems: true,
    description: 'Either `topics` or `topic`.',
  })
  @OptionalMember()
  @IsListOfTopics()
  readonly topics?: string[];

  @ApiPropertyOptional({ type: 'string', description: 'Short for `topics` with one.' })
  @OptionalMember()
  @IsText()
  readonly topic?: string;

  @ApiPropertyOptional({
    type: 'array',
    items: PARTITION,
    minItems: 1,
    uniqueItems: true,
    description: 'Partitions of each topic. Default: all, including those added later.',
  })
  @OptionalMember()
  @IsListOfPartitions()
  readonly partitions?: number[];

  @ApiPropertyOptional({
    description: 'Start position.',
    default: 'latest',
    oneOf: [
      { type: 'string', enum: ['latest', 'earliest'] },
      {
        type: 'object',
        description: 'The first record of this time or later; `latest` if there is none.',
        required: ['timestamp'],
        additionalProperties: false,
        properties: { timestamp: { ...OFFSET, description: 'Milliseconds since the epoch.' } },
      },
      {
        type: 'object',
        description: 'The offsets of `subscribed`, advanced by the records read since.',
        required: ['offsets'],
        additionalProperties: false,
        properties: {
          offsets: {
            oneOf: [
              { type: 'array', items: { $ref: getSchemaPath(StartPositionDto) } },
              OFFSET_BY_PARTITION,
            ],
          },
        },
      },
      OFFSET_BY_PARTITION,
    ],
  })
  @OptionalMember()
  @IsStringOrObject('must be "latest", "earliest", {"timestamp": ms} or {"offsets": [...]}')
  readonly from?: unknown;

  @ApiPropertyOptional({
    type: 'string',
    enum: ['latest', 'earliest', 'none'],
    default: 'none',
    description:
      'Position to continue at if an offset is no longer in the log; none: stop with an error.',
  })
  @OptionalMember()
  @IsOneOf(['latest', 'earliest', 'none'], 'must be "latest", "earliest" or "none"')
  readonly autoOffsetReset?: 'latest' | 'earliest' | 'none';

  @ApiPropertyOptional({
    ...OFFSET,
    description: 'Records to deliver before `credit` grants more. Default: any number.',
  })
  @OptionalMember()
  @IsWholeNumber(0, Number.MAX_SAFE_INTEGER)
  readonly credit?: number;

  @ApiPropertyOptional({ type: 'string', enum: ['stream'], default: 'stream' })
  @OptionalMember()
  @IsOneOf(['stream', 'queue'], 'must be "stream" or "queue"')
  readonly mode?: 'stream' | 'queue';

  @ApiPropertyOptional({
    type: 'string',
    description: 'Refused: this version has no group members yet.',
  })
  @OptionalMember()
  @IsText()
  readonly group?: string;

  @ApiPropertyOptional({ type: 'string', description: 'For group members: refused like `group`.' })
  @OptionalMember()
  @IsText()
  readonly instanceId?: string;

  @ApiPropertyOptional({ type: 'boolean', description: 'For group members: refused like `group`.' })
  @OptionalMember()
  @IsTrueOrFalse()
  readonly autoCommit?: boolean;
}
