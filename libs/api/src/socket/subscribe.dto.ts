import type { JoinRequest } from '#broker';
import { FORMAT_NAMES } from '#record-json';
import { MAX_POLL_INTERVAL_MS_DEFAULT } from '../rest/limits.js';
import { refTo } from '../schema/dto-schemas.js';
import {
  IsOneOf,
  IsText,
  IsTrueOrFalse,
  IsWholeNumber,
  Member,
  OptionalMember,
} from '../schema/members.js';
import { COUNT, INT32_MAX, OFFSET, PARTITION } from '../schema/values.js';
import {
  IsListOfPartitions,
  IsListOfTopics,
  IsStringOrObject,
  IsSubscriptionName,
  SUBSCRIPTION,
  type TopicChoice,
} from './members.js';
import { StartPositionDto, TOPIC_IDS } from './positions.dto.js';

const TEXT = { type: 'string', minLength: 1, maxLength: 255 } as const;
const OFFSET_BY_PARTITION = {
  type: 'object',
  description: 'With one topic: offsets by partition.',
  minProperties: 1,
  propertyNames: { pattern: '^(0|[1-9][0-9]{0,9})$' },
  additionalProperties: OFFSET,
};

/** The members that a subscription of a group has in common with a join. */
type SubscriptionOfMember = Partial<Omit<JoinRequest, 'memberId' | 'clientId'>>;

/** Data of `subscribe`. */
export class SubscribeDto implements SubscriptionOfMember {
  @Member(SUBSCRIPTION)
  @IsSubscriptionName()
  readonly subscription!: string;

  @OptionalMember({
    type: 'array',
    items: {
      anyOf: [
        { type: 'string' },
        {
          type: 'object',
          required: ['pattern'],
          additionalProperties: false,
          properties: { pattern: { type: 'string' } },
        },
      ],
    },
    minItems: 1,
    uniqueItems: true,
    description:
      'Either `topics` or `topic`. Members of a group may also give `{"pattern": ...}`: all topics ' +
      'whose whole names match a regular expression in RE2 syntax, including topics created later.',
  })
  @IsListOfTopics()
  readonly topics?: readonly TopicChoice[];

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
          topicIds: {
            ...TOPIC_IDS,
            description:
              'Ids of the topics in which the offsets were reached; the first 8 characters are ' +
              'enough. A topic with another id was deleted and created again, and is refused.',
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
      'Position to continue at if an offset is no longer in the log; none: stop with an error. For ' +
      'members of a group also the position without a committed offset; their default is latest.',
  })
  @IsOneOf(['latest', 'earliest', 'none'], 'must be "latest", "earliest" or "none"')
  readonly autoOffsetReset?: 'latest' | 'earliest' | 'none';

  @OptionalMember({
    ...OFFSET,
    description:
      'Records to deliver before `credit` grants more. Default: any number. In queue mode each ' +
      'finished record gives its credit back.',
  })
  @IsWholeNumber(0, Number.MAX_SAFE_INTEGER)
  readonly credit?: number;

  @OptionalMember({
    type: 'string',
    enum: ['stream', 'queue'],
    default: 'stream',
    description:
      'For members of a group. `queue`: members share partitions; each record is locked for one of ' +
      'them until it is acknowledged, given back or rejected. `credit` is then the number of ' +
      'records that the member may have without having done that.',
  })
  @IsOneOf(['stream', 'queue'], 'must be "stream" or "queue"')
  readonly mode?: 'stream' | 'queue';

  @OptionalMember({
    ...TEXT,
    description:
      'Consumer group that this subscription is a member of: the group assigns its partitions, and ' +
      'reading begins at the committed offsets. `from` may then be "latest" or "earliest", which is ' +
      'short for `autoOffsetReset`.',
  })
  @IsText()
  readonly group?: string;

  @OptionalMember({
    ...TEXT,
    description:
      'For members of a group: a member with this id keeps its partitions for its session time-out ' +
      'after its connection has ended, and takes them up again when it subscribes with the same id.',
  })
  @IsText()
  readonly instanceId?: string;

  @OptionalMember({
    type: 'boolean',
    default: false,
    description:
      'For members of a group, requires `credit`: granting credit for n records commits the n ' +
      'oldest records that were delivered.',
  })
  @IsTrueOrFalse()
  readonly autoCommit?: boolean;

  @OptionalMember({
    type: 'boolean',
    default: false,
    description:
      'For members of a group: a revoked partition moves when the client has sent `release`, or ' +
      'after `maxPollIntervalMs`. Otherwise it moves at once.',
  })
  @IsTrueOrFalse()
  readonly revokeAck?: boolean;

  @OptionalMember({
    ...COUNT,
    default: MAX_POLL_INTERVAL_MS_DEFAULT,
    description:
      'For members of a group: time in which a client that has records to acknowledge ' +
      '(`autoCommit`), or has used up its credit, must send something about the subscription. ' +
      'Then the member leaves its group. With `revokeAck` also the time to release revoked ' +
      'partitions.',
  })
  @IsWholeNumber(1, INT32_MAX)
  readonly maxPollIntervalMs?: number;

  @OptionalMember({
    ...COUNT,
    description:
      'For members of a group: time without heartbeats of its broker after which a member is ' +
      'removed, and in which one with `instanceId` may return. Default: the config of the group.',
  })
  @IsWholeNumber(1, INT32_MAX)
  readonly sessionTimeoutMs?: number;

  @OptionalMember({
    type: 'string',
    enum: ['sticky', 'range', 'roundrobin'],
    default: 'sticky',
    description: 'For members of a group: the way in which partitions are assigned.',
  })
  @IsOneOf(['sticky', 'range', 'roundrobin'], 'must be "sticky", "range" or "roundrobin"')
  readonly assignor?: 'sticky' | 'range' | 'roundrobin';

  @OptionalMember({
    type: 'boolean',
    default: false,
    description:
      'For members of a queue: `expiring` is sent for records whose locks have lasted for two thirds ' +
      'of their time.',
  })
  @IsTrueOrFalse()
  readonly expiring?: boolean;

  @OptionalMember({
    type: 'string',
    enum: FORMAT_NAMES,
    default: 'auto',
    description: 'Representation of keys and values, as in fetch.',
  })
  @IsOneOf(FORMAT_NAMES, `must be one of "${FORMAT_NAMES.join('", "')}"`)
  readonly format?: (typeof FORMAT_NAMES)[number];
}
