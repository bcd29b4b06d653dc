import type {
  GroupConfigsDescription,
  GroupDescription,
  GroupList,
  GroupListEntry,
  GroupListRequest,
  GroupMemberDescription,
  GroupPartitionDescription,
  Groups,
  JoinRequest,
  MemberCommit,
  MemberHeartbeatState,
  MemberState,
  OffsetMove,
  OffsetResetRequest,
  OffsetToCommit,
  PositionReset,
  TopicChoice,
} from '#broker';
import type { TopicPartition } from '#protocol';
import type { ListAs, WithNulls } from '../schema/contract-types.js';
import { listOf } from '../schema/dto-schemas.js';
import { nullable, ref } from '../schema/json-schema.js';
import {
  Accepts,
  FromText,
  IsListOf,
  IsMap,
  IsOneOf,
  IsText,
  IsTrueOrFalse,
  IsWholeNumber,
  Member,
  OptionalMember,
} from '../schema/members.js';
import { wholeNumberFromText } from '../schema/query-text.js';
import {
  BROKER_ID,
  COUNT,
  INT32_MAX,
  NULLABLE_OFFSET,
  OFFSET,
  PARTITION,
} from '../schema/values.js';
import { OffsetToCommitDto } from './commit-offsets.dto.js';
import { GROUP_LIST_DEFAULT, GROUP_LIST_MAX } from './limits.js';

const TEXT = { type: 'string' } as const;
const ID = { type: 'string', minLength: 1, maxLength: 255 } as const;
const NULLABLE_TEXT = { type: ['string', 'null'] } as const;
const MODE = { type: 'string', enum: ['stream', 'queue'] } as const;
const TOPIC_CHOICE = {
  anyOf: [
    TEXT,
    {
      type: 'object',
      properties: { pattern: TEXT },
      required: ['pattern'],
      additionalProperties: false,
    },
  ],
} as const;

/** Body of `POST /v1/groups/{group}/members`. */
export class JoinGroupDto implements JoinRequest {
  @OptionalMember({
    ...ID,
    description:
      'Id of the member. With an id of its own a client can repeat a join whose answer was lost.',
  })
  @IsText()
  readonly memberId?: string;

  @OptionalMember({
    ...ID,
    description:
      'Makes the member static: a process that joins with the same instanceId within the session takes over its partitions.',
  })
  @IsText()
  readonly instanceId?: string;

  @OptionalMember({ ...ID, description: 'Name of the client, for people.' })
  @IsText()
  readonly clientId?: string;

  @Member({
    type: 'array',
    minItems: 1,
    items: TOPIC_CHOICE,
    description:
      'Names of topics, or `{"pattern": ...}`: a regular expression in RE2 syntax that matches whole names.',
  })
  @Accepts('must be a list of topic names and {"pattern": ...} objects', isTopicChoices)
  readonly topics!: readonly TopicChoice[];

  @OptionalMember({ ...MODE, default: 'stream' })
  @IsOneOf(['stream', 'queue'], 'must be "stream" or "queue"')
  readonly mode?: 'stream' | 'queue';

  @OptionalMember({ type: 'string', enum: ['sticky', 'range', 'roundrobin'], default: 'sticky' })
  @IsOneOf(['sticky', 'range', 'roundrobin'], 'must be "sticky", "range" or "roundrobin"')
  readonly assignor?: 'sticky' | 'range' | 'roundrobin';

  @OptionalMember({
    ...COUNT,
    description:
      'Time without a call after which the member is removed; default: the config of the group, 45 seconds.',
  })
  @IsWholeNumber(1, INT32_MAX)
  readonly sessionTimeoutMs?: number;

  @OptionalMember({
    ...COUNT,
    default: 300_000,
    description:
      'Time in which the member must release a partition that moves to another member, and longest ' +
      'time in which it may send nothing but heartbeats: after that it is removed.',
  })
  @IsWholeNumber(1, INT32_MAX)
  readonly maxPollIntervalMs?: number;

  @OptionalMember({
    type: 'string',
    enum: ['latest', 'earliest', 'none'],
    default: 'latest',
    description: 'Position of partitions for which the group has no committed offset.',
  })
  @IsOneOf(['latest', 'earliest', 'none'], 'must be "latest", "earliest" or "none"')
  readonly autoOffsetReset?: 'latest' | 'earliest' | 'none';

  @OptionalMember({
    type: 'boolean',
    default: true,
    description: 'True: a poll commits what its cursor acknowledges.',
  })
  @IsTrueOrFalse()
  readonly autoCommit?: boolean;
}

function isTopicChoices(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(isTopicChoice);
}

function isTopicChoice(value: unknown): boolean {
  if (typeof value === 'string') return true;
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 1) return false;
  return 'pattern' in value && typeof value.pattern === 'string';
}

export class AssignedPartitionDto implements TopicPartition {
  @Member(TEXT)
  readonly topic!: string;

  @Member(PARTITION)
  readonly partition!: number;
}

/** A member as its calls are answered. */
export class GroupMemberDto implements MemberState {
  @Member(ID)
  readonly memberId!: string;

  @Member({ ...OFFSET, description: 'Number of changes of the assignment of the group.' })
  readonly generation!: number;

  @Member(listOf(AssignedPartitionDto, { description: 'Partitions that only this member reads.' }))
  readonly assignment!: readonly AssignedPartitionDto[];

  @Member(
    listOf(AssignedPartitionDto, {
      description: 'Partitions that move to another member once this one has released them.',
    }),
  )
  readonly revoking!: readonly AssignedPartitionDto[];
}

/** A position that is moved to records that exist. */
export class PositionResetDto implements PositionReset {
  @Member(TEXT)
  readonly topic!: string;

  @Member(PARTITION)
  readonly partition!: number;

  @Member(OFFSET)
  readonly from!: number;

  @Member(OFFSET)
  readonly to!: number;

  @Member(TEXT)
  readonly reason!: string;
}

/** A member as a heartbeat is answered. */
export class MemberHeartbeatDto extends GroupMemberDto implements MemberHeartbeatState {
  @Member(
    listOf(PositionResetDto, {
      description: 'Positions that the next poll moves, because their records are gone.',
    }),
  )
  readonly resets!: readonly PositionResetDto[];
}

/** Body of `POST .../heartbeat`. */
export class HeartbeatDto implements Partial<Pick<MemberState, 'generation'>> {
  @OptionalMember({
    ...OFFSET,
    description:
      'Generation of an answer that arrived; releases the partitions that it named in `revoking`.',
  })
  @IsWholeNumber(0, Number.MAX_SAFE_INTEGER)
  readonly generation?: number;
}

type CommitOfMember = Pick<MemberCommit, 'generation'> &
  ListAs<'offsets', WithNulls<OffsetToCommit>>;

/** Body of `PUT .../members/{memberId}/offsets`. */
export class CommitAsMemberDto implements CommitOfMember {
  @Member(listOf(OffsetToCommitDto, { minItems: 1 }))
  @IsListOf(() => OffsetToCommitDto, 'must be a list of at least one {topic, partition, offset}')
  readonly offsets!: readonly OffsetToCommitDto[];

  @Member({ ...OFFSET, description: 'Generation since which the member owns the partitions.' })
  @IsWholeNumber(0, Number.MAX_SAFE_INTEGER)
  readonly generation!: number;
}

/** Query of `GET /v1/groups`. */
export class ListGroupsQuery implements Partial<GroupListRequest> {
  @OptionalMember({ ...ID, description: 'The list begins after this name.' })
  @IsText('must be the name of one group')
  readonly after?: string;

  @OptionalMember({ ...COUNT, minimum: 1, maximum: GROUP_LIST_MAX, default: GROUP_LIST_DEFAULT })
  @FromText(wholeNumberFromText)
  @IsWholeNumber(1, GROUP_LIST_MAX)
  readonly limit?: number;
}

export class GroupListEntryDto implements GroupListEntry {
  @Member(ID)
  readonly group!: string;

  @Member({ ...nullable(MODE), description: 'null: no member has joined yet.' })
  readonly mode!: 'stream' | 'queue' | null;

  @Member({ type: 'string', enum: ['Empty', 'Assigning', 'Reconciling', 'Stable', 'Dead'] })
  readonly state!: string;

  @Member({ ...COUNT, description: 'Number of members.' })
  readonly members!: number;
}

export class GroupListDto implements GroupList {
  @Member(listOf(GroupListEntryDto))
  readonly groups!: readonly GroupListEntryDto[];

  @Member({ ...NULLABLE_TEXT, description: 'Value of `after` for the next page; null at the end.' })
  readonly nextAfter!: string | null;
}

export class GroupMemberDescriptionDto implements GroupMemberDescription {
  @Member(ID)
  readonly memberId!: string;

  @Member(NULLABLE_TEXT)
  readonly instanceId!: string | null;

  @Member(NULLABLE_TEXT)
  readonly clientId!: string | null;

  @Member(listOf(AssignedPartitionDto))
  readonly assignment!: readonly AssignedPartitionDto[];

  @Member({ ...NULLABLE_OFFSET, description: 'Records that its partitions are behind.' })
  readonly lag!: number | null;
}

export class GroupPartitionDto implements GroupPartitionDescription {
  @Member(TEXT)
  readonly topic!: string;

  @Member(PARTITION)
  readonly partition!: number;

  @Member({ ...NULLABLE_OFFSET, description: 'The committed offset.' })
  readonly offset!: number | null;

  @Member(NULLABLE_OFFSET)
  readonly lag!: number | null;

  @Member({
    ...NULLABLE_TEXT,
    description: 'Id of the member that owns it; null in a queue, whose members share it.',
  })
  readonly owner!: string | null;

  @Member({
    ...NULLABLE_OFFSET,
    description:
      'Records of a queue that wait for a member, with those that were not scanned yet; null in stream mode.',
  })
  readonly available!: number | null;

  @Member({ ...NULLABLE_OFFSET, description: 'Records of a queue that members have.' })
  readonly acquired!: number | null;

  @Member({ ...NULLABLE_OFFSET, description: 'Records of a queue that wait for a time.' })
  readonly delayed!: number | null;
}

export class GroupDto implements GroupDescription {
  @Member(ID)
  readonly group!: string;

  @Member({ ...nullable(MODE), description: 'null: no member has joined yet.' })
  readonly mode!: 'stream' | 'queue' | null;

  @Member({ type: 'string', enum: ['Empty', 'Assigning', 'Reconciling', 'Stable', 'Dead'] })
  readonly state!: string;

  @Member({ ...nullable(BROKER_ID), description: 'Broker that coordinates the group.' })
  readonly coordinator!: number | null;

  @Member(OFFSET)
  readonly generation!: number;

  @Member(listOf(GroupMemberDescriptionDto))
  readonly members!: readonly GroupMemberDescriptionDto[];

  @Member(listOf(GroupPartitionDto))
  readonly partitions!: readonly GroupPartitionDto[];

  @Member({ ...NULLABLE_OFFSET, description: 'Records that the group is behind; null: not known.' })
  readonly lag!: number | null;

  @Member({
    ...NULLABLE_OFFSET,
    description: 'Records of a queue in its dead-letter topic; null in stream mode.',
  })
  readonly deadLetters!: number | null;
}

const CONFIG_TEXTS = { type: 'object', additionalProperties: TEXT } as const;

export class GroupConfigsDto implements GroupConfigsDescription {
  @Member(CONFIG_TEXTS)
  readonly configs!: Readonly<Record<string, string>>;

  @Member({
    type: 'object',
    additionalProperties: { type: 'string', enum: ['group', 'default'] },
  })
  readonly configSources!: Readonly<Record<string, 'group' | 'default'>>;
}

type ConfigChanges = Readonly<Record<'configs', Parameters<Groups['alterConfigs']>[1]>>;

/** Body of `PATCH /v1/groups/{group}/configs`. */
export class AlterGroupConfigsDto implements ConfigChanges {
  @Member({
    type: 'object',
    additionalProperties: ref('ConfigValue'),
    description: 'Configs to set; null resets one to its default.',
  })
  @IsMap('must be an object of configs')
  readonly configs!: Record<string, unknown>;
}

type OffsetReset = Pick<OffsetResetRequest, 'topic' | 'partitions'> &
  Partial<Pick<OffsetResetRequest, 'dryRun'>>;

/** Body of `POST /v1/groups/{group}/offsets/reset`. */
export class ResetOffsetsDto implements OffsetReset {
  @Member(TEXT)
  @IsText()
  readonly topic!: string;

  @OptionalMember({ type: 'array', items: PARTITION, description: 'All partitions unless given.' })
  @Accepts('must be a list of partitions', isPartitions)
  readonly partitions?: readonly number[];

  @Member({
    anyOf: [
      { type: 'string', enum: ['earliest', 'latest'] },
      targetSchema('timestamp', { ...OFFSET, description: 'Milliseconds since the epoch.' }),
      targetSchema('offset', OFFSET),
      targetSchema('shift', {
        type: 'integer',
        description: 'Records forward, or backward when negative.',
      }),
    ],
    description: 'The new position. Beyond an end of the log, it is that end.',
  })
  @Accepts(
    'must be "earliest", "latest", {"timestamp": ms}, {"offset": n} or {"shift": n}',
    isResetTarget,
  )
  readonly to!: ResetTarget;

  @OptionalMember({
    type: 'boolean',
    default: false,
    description: 'True: answers without a commit.',
  })
  @IsTrueOrFalse()
  readonly dryRun?: boolean;
}

export type ResetTarget =
  | 'earliest'
  | 'latest'
  | { readonly timestamp: number }
  | { readonly offset: number }
  | { readonly shift: number };

function targetSchema(name: string, schema: object): object {
  return {
    type: 'object',
    properties: { [name]: schema },
    required: [name],
    additionalProperties: false,
  };
}

export function isPartitions(value: unknown): boolean {
  if (!Array.isArray(value) || value.length === 0) return false;
  return value.every((one) => Number.isInteger(one) && one >= 0 && one <= INT32_MAX);
}

function isResetTarget(value: unknown): boolean {
  if (value === 'earliest' || value === 'latest') return true;
  if (typeof value !== 'object' || value === null) return false;
  const [entry, second] = Object.entries(value);
  if (entry === undefined || second !== undefined) return false;
  const [name, number] = entry;
  if (!Number.isSafeInteger(number)) return false;
  return name === 'shift' || ((name === 'timestamp' || name === 'offset') && Number(number) >= 0);
}

export class OffsetMoveDto implements OffsetMove {
  @Member(TEXT)
  readonly topic!: string;

  @Member(PARTITION)
  readonly partition!: number;

  @Member({ ...NULLABLE_OFFSET, description: 'null: nothing was committed.' })
  readonly from!: number | null;

  @Member(OFFSET)
  readonly to!: number;
}

export class OffsetMovesDto implements ListAs<'offsets', OffsetMove> {
  @Member(listOf(OffsetMoveDto))
  readonly offsets!: readonly OffsetMoveDto[];
}
