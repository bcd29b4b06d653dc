import { refTo } from '../schema/dto-schemas.js';
import {
  IsOneOf,
  IsText,
  IsTrueOrFalse,
  IsWholeNumber,
  Member,
  OptionalMember,
} from '../schema/members.js';
import { OFFSET, PARTITION } from '../schema/values.js';
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
export class SubscribeDto {
  @Member(SUBSCRIPTION)
  @IsSubscriptionName()
  readonly subscription!: string;

  @OptionalMember({
    type: 'array',
    items: { type: 'string' },
    minItems: 1,
    uniqueItems: true,
    description: 'Either `topics` or `topic`.',
  })
  @IsListOfTopics()
  readonly topics?: readonly string[];

  @OptionalMember({ type: 'string', description: 'Short for `topics` with one.' })
  @IsText()
  readonly topic?: string;

  @OptionalMember({
    type: 'array',
    items: PARTITION,
    minItems: 1,
    uniqueItems: true,
    description: 'Partitions of each topic. Default: all, including those added later.',
  })
  @IsListOfPartitions()
  readonly partitions?: readonly number[];

  @OptionalMember({
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
            oneOf: [{ type: 'array', items: refTo(StartPositionDto) }, OFFSET_BY_PARTITION],
          },
        },
      },
      OFFSET_BY_PARTITION,
    ],
  })
  @IsStringOrObject('must be "latest", "earliest", {"timestamp": ms} or {"offsets": [...]}')
  readonly from?: unknown;

  @OptionalMember({
    type: 'string',
    enum: ['latest', 'earliest', 'none'],
    default: 'none',
    description:
      'Position to continue at if an offset is no longer in the log; none: stop with an error.',
  })
  @IsOneOf(['latest', 'earliest', 'none'], 'must be "latest", "earliest" or "none"')
  readonly autoOffsetReset?: 'latest' | 'earliest' | 'none';

  @OptionalMember({
    ...OFFSET,
    description: 'Records to deliver before `credit` grants more. Default: any number.',
  })
  @IsWholeNumber(0, Number.MAX_SAFE_INTEGER)
  readonly credit?: number;

  @OptionalMember({ type: 'string', enum: ['stream'], default: 'stream' })
  @IsOneOf(['stream', 'queue'], 'must be "stream" or "queue"')
  readonly mode?: 'stream' | 'queue';

  @OptionalMember({
    type: 'string',
    description: 'Refused: this version has no group members yet.',
  })
  @IsText()
  readonly group?: string;

  @OptionalMember({ type: 'string', description: 'For group members: refused like `group`.' })
  @IsText()
  readonly instanceId?: string;

  @OptionalMember({ type: 'boolean', description: 'For group members: refused like `group`.' })
  @IsTrueOrFalse()
  readonly autoCommit?: boolean;
}
