/** Operations on consumer groups and their members. */
import type { ErrorCode } from '#protocol';
import { FORMAT_NAMES } from '#record-json';
import { ref } from '../schema/json-schema.js';
import { AcknowledgeRecordsDto, QueueAckResultsDto } from './acknowledge-records.dto.js';
import { CommittedListDto } from './answers.dto.js';
import {
  AlterGroupConfigsDto,
  CommitAsMemberDto,
  GroupConfigsDto,
  GroupDto,
  GroupListDto,
  GroupMemberDto,
  HeartbeatDto,
  JoinGroupDto,
  ListGroupsQuery,
  MemberHeartbeatDto,
  OffsetMovesDto,
  ResetOffsetsDto,
} from './group-members.dto.js';
import {
  FETCH_BYTES_DEFAULT,
  FETCH_BYTES_MAX,
  FETCH_LIMIT_DEFAULT,
  FETCH_WAIT_MS_MAX,
  RECEIVE_ID_LENGTH_MAX,
} from './limits.js';
import type { OperationSpecs } from './operation.js';

const READ_GROUP = { resource: 'group', operation: 'Read' } as const;

/** The body names the topics. */
const READ = [READ_GROUP, { resource: 'topic', operation: 'Read', named: 'data' }] as const;

export const COORDINATOR_ERRORS = [
  'INVALID_REQUEST',
  'GROUP_AUTHORIZATION_FAILED',
  'UNKNOWN_SERVER_ERROR',
  'COORDINATOR_NOT_AVAILABLE',
  'REQUEST_TIMED_OUT',
  'KAFKA_STORAGE_ERROR',
] as const satisfies readonly ErrorCode[];

export const BODY_ERRORS = [
  'REQUEST_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
] as const satisfies readonly ErrorCode[];

const MEMBER_ERRORS = [
  ...COORDINATOR_ERRORS,
  'UNKNOWN_MEMBER_ID',
  'FENCED_MEMBER_EPOCH',
] as const satisfies readonly ErrorCode[];

const INT32 = { type: 'integer', format: 'int32' } as const;

export const MEMBER_OPERATIONS = {
  listGroups: {
    method: 'GET',
    path: '/v1/groups',
    plane: 'control',
    tag: 'groups',
    summary: 'List groups by name, one page at a time',
    needs: [{ resource: 'group', operation: 'Describe', named: 'answer' }],
    query: ListGroupsQuery,
    answers: { 200: { description: 'A page of the list.', body: GroupListDto } },
    errors: COORDINATOR_ERRORS,
    entryPoint: { name: 'groups', description: 'Consumer groups.' },
  },
  describeGroup: {
    method: 'GET',
    path: '/v1/groups/{group}',
    plane: 'control',
    tag: 'groups',
    summary: 'Show a group with its members and lags',
    needs: [
      { resource: 'group', operation: 'Describe' },
      { resource: 'topic', operation: 'Describe', named: 'answer' },
    ],
    answers: { 200: { description: 'The group.', body: GroupDto } },
    errors: [...COORDINATOR_ERRORS, 'GROUP_ID_NOT_FOUND'],
  },
  deleteGroup: {
    method: 'DELETE',
    path: '/v1/groups/{group}',
    plane: 'control',
    tag: 'groups',
    summary: 'Delete a group that has no members',
    needs: [{ resource: 'group', operation: 'Delete' }],
    answers: { 204: { description: 'The group and its offsets are deleted.' } },
    errors: [...COORDINATOR_ERRORS, 'GROUP_ID_NOT_FOUND', 'NON_EMPTY_GROUP'],
  },
  joinGroup: {
    method: 'POST',
    path: '/v1/groups/{group}/members',
    plane: 'control',
    tag: 'groups',
    summary: 'Become a member of a group',
    description:
      'It is answered when the positions of the assigned partitions are committed: what is produced afterwards is not missed.',
    needs: READ,
    body: JoinGroupDto,
    answers: { 201: { description: 'The member with its assignment.', body: GroupMemberDto } },
    errors: [
      ...COORDINATOR_ERRORS,
      ...BODY_ERRORS,
      'TOPIC_AUTHORIZATION_FAILED',
      'NO_OFFSET_FOR_PARTITION',
      'INCONSISTENT_GROUP_PROTOCOL',
      'UNRELEASED_INSTANCE_ID',
      'GROUP_MAX_SIZE_REACHED',
      'POLICY_VIOLATION',
    ],
  },
  pollRecords: {
    method: 'GET',
    path: '/v1/groups/{group}/members/{memberId}/records',
    plane: 'data',
    route: { handler: 'poll', form: 'any' },
    hasEffect: true,
    tag: 'groups',
    summary: 'Read records of the member’s partitions',
    description:
      'The cursor of an answer says that its records arrived; send it with the next poll. The same cursor again answers ' +
      'the same records. A poll is a heartbeat.',
    needs: [READ_GROUP, { resource: 'topic', operation: 'Read', named: 'answer' }],
    query: {
      cursor: {
        schema: { type: 'string', maxLength: 4096 },
        description:
          'The cursor of the last answer that arrived; none: from the last acknowledged position. Refused in queue mode, which has none.',
      },
      receiveId: {
        schema: { type: 'string', maxLength: RECEIVE_ID_LENGTH_MAX },
        description:
          'An id of this poll, in queue mode: the same id again answers the same records while their locks last.',
      },
      limit: { schema: { ...INT32, minimum: 1, default: FETCH_LIMIT_DEFAULT } },
      maxBytes: {
        schema: { ...INT32, minimum: 1, maximum: FETCH_BYTES_MAX, default: FETCH_BYTES_DEFAULT },
        description: 'Bytes of records; the first record always fits.',
      },
      waitMs: {
        schema: { ...INT32, minimum: 0, maximum: FETCH_WAIT_MS_MAX, default: 0 },
        description:
          'Time to wait for a record: a long poll. A change of the assignment ends the wait.',
      },
      format: {
        schema: { type: 'string', enum: FORMAT_NAMES, default: 'auto' },
        description: 'Representation of keys and values, as in fetch.',
      },
    },
    answers: {
      200: {
        description: 'Records, possibly none.',
        body: { 'application/json': ref('PolledRecords') },
      },
    },
    errors: [
      ...MEMBER_ERRORS,
      'OFFSET_OUT_OF_RANGE',
      'THROTTLING_QUOTA_EXCEEDED',
      'CORRUPT_MESSAGE',
      'BROKER_NOT_AVAILABLE',
    ],
  },
  acknowledgeRecords: {
    method: 'POST',
    path: '/v1/groups/{group}/members/{memberId}/acks',
    plane: 'control',
    tag: 'groups',
    summary: 'Acknowledge, give back, reject or extend records of a queue',
    description:
      'Each ack is answered by itself, in their order; a refused one has an `error`. An ack that is answered is durable: the ' +
      'group does not deliver the record again.',
    needs: READ,
    body: AcknowledgeRecordsDto,
    answers: {
      200: { description: 'The acks, refused ones with an error.', body: QueueAckResultsDto },
    },
    errors: [...MEMBER_ERRORS, ...BODY_ERRORS, 'INCONSISTENT_GROUP_PROTOCOL'],
  },
  heartbeat: {
    method: 'POST',
    path: '/v1/groups/{group}/members/{memberId}/heartbeat',
    plane: 'control',
    tag: 'groups',
    summary: 'Renew a member’s session',
    needs: [READ_GROUP],
    body: HeartbeatDto,
    isBodyOptional: true,
    answers: { 200: { description: 'The member with its assignment.', body: MemberHeartbeatDto } },
    errors: [...MEMBER_ERRORS, ...BODY_ERRORS],
  },
  commitAsMember: {
    method: 'PUT',
    path: '/v1/groups/{group}/members/{memberId}/offsets',
    plane: 'control',
    tag: 'groups',
    summary: 'Commit offsets of a member: all or none',
    needs: READ,
    body: CommitAsMemberDto,
    answers: { 200: { description: 'The committed list.', body: CommittedListDto } },
    errors: [
      ...MEMBER_ERRORS,
      ...BODY_ERRORS,
      'UNKNOWN_TOPIC_OR_PARTITION',
      'ILLEGAL_GENERATION',
      'INCONSISTENT_GROUP_PROTOCOL',
      'POLICY_VIOLATION',
      'OFFSET_OUT_OF_RANGE',
    ],
  },
  leaveGroup: {
    method: 'DELETE',
    path: '/v1/groups/{group}/members/{memberId}',
    plane: 'control',
    tag: 'groups',
    summary: 'Leave a group',
    needs: [READ_GROUP],
    answers: { 204: { description: 'It is not a member, or was not one.' } },
    errors: [...COORDINATOR_ERRORS, 'FENCED_MEMBER_EPOCH'],
  },
  groupConfigs: {
    method: 'GET',
    path: '/v1/groups/{group}/configs',
    plane: 'control',
    tag: 'groups',
    summary: 'Show the configs of a group',
    needs: [{ resource: 'group', operation: 'DescribeConfigs' }],
    answers: { 200: { description: 'All effective configs.', body: GroupConfigsDto } },
    errors: COORDINATOR_ERRORS,
  },
  alterGroupConfigs: {
    method: 'PATCH',
    path: '/v1/groups/{group}/configs',
    plane: 'control',
    tag: 'groups',
    summary: 'Change configs of a group',
    needs: [{ resource: 'group', operation: 'AlterConfigs' }],
    body: AlterGroupConfigsDto,
    answers: { 200: { description: 'All effective configs.', body: GroupConfigsDto } },
    errors: [
      ...COORDINATOR_ERRORS,
      ...BODY_ERRORS,
      'INVALID_CONFIG',
      'NON_EMPTY_GROUP',
      'POLICY_VIOLATION',
    ],
  },
  resetOffsets: {
    method: 'POST',
    path: '/v1/groups/{group}/offsets/reset',
    plane: 'control',
    tag: 'groups',
    summary: 'Move the committed offsets of a group that has no members',
    needs: READ,
    body: ResetOffsetsDto,
    answers: {
      200: { description: 'The moves, made or with `dryRun` not.', body: OffsetMovesDto },
    },
    errors: [
      ...COORDINATOR_ERRORS,
      ...BODY_ERRORS,
      'UNKNOWN_TOPIC_OR_PARTITION',
      'NON_EMPTY_GROUP',
      'INCONSISTENT_GROUP_PROTOCOL',
      'POLICY_VIOLATION',
      'LEADER_NOT_AVAILABLE',
    ],
  },
} as const satisfies OperationSpecs;
