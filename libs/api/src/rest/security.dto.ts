import {
  ACL_OPERATIONS,
  ACL_PATTERN_TYPES,
  ACL_PERMISSIONS,
  type Acl,
  type AclFilter,
  type AclPage,
  type ApiKey,
  type ApiKeyPage,
  type Caller,
  type NewApiKeyRequest,
  type Quota,
  RESOURCE_TYPES,
  type RevocationResult,
  type Ticket,
} from '#security';
import type { ListAs, WithTimes } from '../schema/contract-types.js';
import { listOf } from '../schema/dto-schemas.js';
import { nullable, type Schema } from '../schema/json-schema.js';
import {
  Accepts,
  FromText,
  IsListOf,
  IsOneOf,
  IsText,
  IsWholeNumber,
  MatchesText,
  Member,
  NullableMember,
  OptionalMember,
} from '../schema/members.js';
import { wholeNumberFromText } from '../schema/query-text.js';
import { BROKER_ID, COUNT, OFFSET, TIMESTAMP } from '../schema/values.js';
import {
  ACLS_PER_REQUEST_MAX,
  CALLER_GROUPS_MAX,
  KEY_OVERLAP_SECONDS_MAX,
  SECURITY_LIST_DEFAULT,
  SECURITY_LIST_MAX,
} from './limits.js';

/** Keys are shown without their secrets. */
type ShownKey = WithTimes<Omit<ApiKey, 'secrets'>>;
type KeyPage = Omit<ApiKeyPage, 'keys'> & ListAs<'keys', ShownKey>;
type KeyToCreate = Pick<NewApiKeyRequest, 'name'> &
  Partial<Pick<NewApiKeyRequest, 'groups'>> &
  Partial<WithTimes<{ expiresAtMs: NewApiKeyRequest['expiresAtMs'] }>>;
type ShownCaller = WithTimes<Pick<Caller, 'principal' | 'groups' | 'expiresAtMs'>>;

const TEXT = { type: 'string', minLength: 1, maxLength: 255 } as const;
const NEXT_AFTER = {
  ...nullable({ type: 'string' }),
  description: 'Value of `after` for the next page; null at the end.',
} as const;
const NULLABLE_TIME = nullable(TIMESTAMP);

const PRINCIPAL: Schema = {
  ...TEXT,
  maxLength: 1024,
  pattern: '^(user|key|cert|group):',
  description:
    '`user:<name>`, `key:<id>`, `cert:<distinguished name>` or `group:<name>`; the name `*` stands for all of the type.',
};
const PRINCIPAL_PATTERN = /^(user|key|cert|group):[^\p{Cc}]{1,1018}$/u;
const PRINCIPAL_MESSAGE =
  'must be user:<name>, key:<id>, cert:<distinguished name> or group:<name>';
const NAME_PATTERN = /^[^\p{Cc}]{1,255}$/u;
const NAME_MESSAGE = 'must have 1 to 255 characters, none of them a control character';
const GROUP_PATTERN = /^[^\p{Cc}*][^\p{Cc}]{0,254}$/u;

function oneOf(words: readonly string[]): PropertyDecorator {
  return IsOneOf(words, `must be one of ${words.join(', ')}`);
}

function enumOf(words: readonly string[]): Schema {
  return { type: 'string', enum: [...words] };
}

/** One access control rule. */
export class AclDto implements Acl {
  @Member(PRINCIPAL)
  @MatchesText(PRINCIPAL_PATTERN, PRINCIPAL_MESSAGE)
  readonly principal!: string;

  @Member(enumOf(RESOURCE_TYPES))
  @oneOf(RESOURCE_TYPES)
  readonly resourceType!: Acl['resourceType'];

  @Member({
    ...TEXT,
    description:
      'Name, or its beginning; the literal name `*` stands for every one. The cluster is named `cluster`.',
  })
  @MatchesText(NAME_PATTERN, NAME_MESSAGE)
  readonly resourceName!: string;

  @Member(enumOf(ACL_PATTERN_TYPES))
  @oneOf(ACL_PATTERN_TYPES)
  readonly patternType!: Acl['patternType'];

  @Member(enumOf(ACL_OPERATIONS))
  @oneOf(ACL_OPERATIONS)
  readonly operation!: Acl['operation'];

  @Member({ ...enumOf(ACL_PERMISSIONS), description: 'A deny takes precedence over every allow.' })
  @oneOf(ACL_PERMISSIONS)
  readonly permission!: Acl['permission'];
}

/** Body and answer of `POST /v1/acls`. */
export class CreateAclsDto implements ListAs<'acls', Acl> {
  @Member({ ...listOf(AclDto), minItems: 1, maxItems: ACLS_PER_REQUEST_MAX })
  @IsListOf(() => AclDto, 'must be a list of at least one rule')
  @Accepts(
    `must have at most ${ACLS_PER_REQUEST_MAX} rules`,
    (value) => Array.isArray(value) && value.length <= ACLS_PER_REQUEST_MAX,
  )
  readonly acls!: readonly AclDto[];
}

/** Query of `DELETE /v1/acls`: the rules that equal every member. */
export class AclFilterQuery implements AclFilter {
  @OptionalMember(PRINCIPAL)
  @MatchesText(PRINCIPAL_PATTERN, PRINCIPAL_MESSAGE)
  readonly principal?: string;

  @OptionalMember(enumOf(RESOURCE_TYPES))
  @oneOf(RESOURCE_TYPES)
  readonly resourceType?: Acl['resourceType'];

  @OptionalMember(TEXT)
  @MatchesText(NAME_PATTERN, NAME_MESSAGE)
  readonly resourceName?: string;

  @OptionalMember(enumOf(ACL_PATTERN_TYPES))
  @oneOf(ACL_PATTERN_TYPES)
  readonly patternType?: Acl['patternType'];

  @OptionalMember(enumOf(ACL_OPERATIONS))
  @oneOf(ACL_OPERATIONS)
  readonly operation?: Acl['operation'];

  @OptionalMember(enumOf(ACL_PERMISSIONS))
  @oneOf(ACL_PERMISSIONS)
  readonly permission?: Acl['permission'];
}

const PAGE_LIMIT: Schema = {
  ...COUNT,
  minimum: 1,
  maximum: SECURITY_LIST_MAX,
  default: SECURITY_LIST_DEFAULT,
};

/** Query of `GET /v1/acls`. */
export class ListAclsQuery extends AclFilterQuery implements AclFilter {
  @OptionalMember({ ...COUNT, description: 'Rules to skip: `nextAfter` of the page before.' })
  @FromText(wholeNumberFromText)
  @IsWholeNumber(0, Number.MAX_SAFE_INTEGER)
  readonly after?: number;

  @OptionalMember(PAGE_LIMIT)
  @FromText(wholeNumberFromText)
  @IsWholeNumber(1, SECURITY_LIST_MAX)
  readonly limit?: number;
}

export class AclListDto implements AclPage {
  @Member(listOf(AclDto))
  readonly acls!: readonly AclDto[];

  @Member({
    ...nullable(COUNT),
    description: 'Value of `after` for the next page; null at the end.',
  })
  readonly nextAfter!: number | null;
}

export class RemovedAclsDto implements ListAs<'acls', Acl> {
  @Member(listOf(AclDto))
  readonly acls!: readonly AclDto[];
}

/** Body of `POST /v1/api-keys`. */
export class CreateApiKeyDto implements KeyToCreate {
  @Member({ ...TEXT, description: 'Name for people; several keys may have the same.' })
  @MatchesText(NAME_PATTERN, NAME_MESSAGE)
  readonly name!: string;

  @OptionalMember({ ...NULLABLE_TIME, description: 'Time from which the key is not accepted.' })
  @NullableMember()
  @IsWholeNumber(1, Number.MAX_SAFE_INTEGER)
  readonly expiresAt?: number | null;

  @OptionalMember({
    type: 'array',
    items: TEXT,
    maxItems: CALLER_GROUPS_MAX,
    description: 'Groups of the principal, for ACLs of `group:<name>`.',
  })
  @Accepts(`must be a list of at most ${CALLER_GROUPS_MAX} names of groups`, isGroups)
  readonly groups?: readonly string[];
}

/** An API key without its secret. */
export class ApiKeyDto implements ShownKey {
  @Member({ ...TEXT, description: 'The principal of the key is `key:<id>`.' })
  readonly id!: string;

  @Member(TEXT)
  readonly name!: string;

  @Member({ type: 'array', items: TEXT })
  readonly groups!: readonly string[];

  @Member(TIMESTAMP)
  readonly createdAt!: number;

  @Member(NULLABLE_TIME)
  readonly expiresAt!: number | null;
}

/** A new key, or a key with a new secret. */
export class IssuedApiKeyDto extends ApiKeyDto implements ShownKey {
  @Member({
    type: 'string',
    description: 'The key, for `Authorization: Bearer`. No other answer has it.',
  })
  readonly key!: string;
}

/** Query of `GET /v1/api-keys`. */
export class ListApiKeysQuery {
  @OptionalMember({ ...TEXT, description: 'The list begins after this id.' })
  @IsText('must be the id of a key')
  readonly after?: string;

  @OptionalMember(PAGE_LIMIT)
  @FromText(wholeNumberFromText)
  @IsWholeNumber(1, SECURITY_LIST_MAX)
  readonly limit?: number;
}

export class ApiKeyListDto implements KeyPage {
  @Member(listOf(ApiKeyDto))
  readonly keys!: readonly ApiKeyDto[];

  @Member(NEXT_AFTER)
  readonly nextAfter!: string | null;
}

/** Body of `POST /v1/api-keys/{id}/rotate`. */
export class RotateApiKeyDto {
  @OptionalMember({
    ...COUNT,
    maximum: KEY_OVERLAP_SECONDS_MAX,
    default: 0,
    description: 'Time for which the secret before it stays valid.',
  })
  @IsWholeNumber(0, KEY_OVERLAP_SECONDS_MAX)
  readonly overlapSeconds?: number;
}

export class RevocationDto implements RevocationResult {
  @Member({ type: 'array', items: BROKER_ID, description: 'Brokers that obey.' })
  readonly appliedBy!: readonly number[];

  @Member({ type: 'array', items: BROKER_ID, description: 'Brokers that were not reached.' })
  readonly missing!: readonly number[];
}

/** Body of `PUT /v1/quotas/{principal}`. */
export class SetQuotaDto implements Quota {
  @OptionalMember({ ...OFFSET, minimum: 1, description: 'Bytes of records produced per second.' })
  @IsWholeNumber(1, Number.MAX_SAFE_INTEGER)
  readonly producer_byte_rate?: number;

  @OptionalMember({ ...OFFSET, minimum: 1, description: 'Bytes of records read per second.' })
  @IsWholeNumber(1, Number.MAX_SAFE_INTEGER)
  readonly consumer_byte_rate?: number;

  @OptionalMember({ ...OFFSET, minimum: 1, description: 'Requests and messages per second.' })
  @IsWholeNumber(1, Number.MAX_SAFE_INTEGER)
  readonly request_rate?: number;

  @OptionalMember({ ...OFFSET, minimum: 1, description: 'Open connections.' })
  @IsWholeNumber(1, Number.MAX_SAFE_INTEGER)
  readonly connections?: number;
}

/** The quota of a principal on each broker; an absent member sets no limit. */
export class QuotaDto extends SetQuotaDto implements Quota {
  @Member({ ...TEXT, maxLength: 1024, description: 'The principal, or `default`.' })
  readonly principal!: string;
}

/** A ticket of a browser. */
export class TicketDto implements WithTimes<Ticket> {
  @Member({ ...TEXT, description: 'Value of `?ticket=`, which is accepted once.' })
  readonly ticket!: string;

  @Member({ ...TIMESTAMP, description: 'Time until which it must be used.' })
  readonly expiresAt!: number;
}

/** The caller of a request. */
export class WhoamiDto implements ShownCaller {
  @Member({ ...enumOf(['off', 'on']), description: '`off`: every caller may do everything.' })
  readonly auth!: 'off' | 'on';

  @Member(PRINCIPAL)
  readonly principal!: string;

  @Member({ type: 'array', items: TEXT, description: 'As `group:<name>`.' })
  readonly groups!: readonly string[];

  @Member({ type: 'boolean', description: 'True: ACLs do not bind the caller.' })
  readonly superUser!: boolean;

  @Member({ ...NULLABLE_TIME, description: 'Time at which the credential expires.' })
  readonly expiresAt!: number | null;

  @Member({ ...listOf(AclDto), description: 'Rules that allow the caller something.' })
  readonly allowed!: readonly AclDto[];

  @Member({ ...listOf(AclDto), description: 'Rules that deny the caller something.' })
  readonly denied!: readonly AclDto[];
}

function isGroups(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.length <= CALLER_GROUPS_MAX &&
    value.every((each) => typeof each === 'string' && GROUP_PATTERN.test(each))
  );
}
