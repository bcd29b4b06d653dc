import { CommittedListDto, CommittedOffsetsDto } from './answers.dto.js';
import { CommitOffsetsDto } from './commit-offsets.dto.js';
import type { OperationSpecs } from './operation.js';
import { CommittedOffsetsQuery } from './queries.dto.js';

/** Operations on consumer groups. */
export const GROUP_OPERATIONS = {
  commitOffsets: {
    method: 'PUT',
    path: '/v1/groups/{group}/offsets',
    plane: 'control',
    tag: 'groups',
    summary: 'Commit offsets: all or none',
    needs: [
      { resource: 'group', operation: 'Read' },
      { resource: 'topic', operation: 'Read', named: 'data' },
    ],
    body: CommitOffsetsDto,
    answers: { 200: { description: 'The committed list.', body: CommittedListDto } },
    errors: [
      'INVALID_REQUEST',
      'GROUP_AUTHORIZATION_FAILED',
      'UNKNOWN_TOPIC_OR_PARTITION',
      'NON_EMPTY_GROUP',
      'INCONSISTENT_GROUP_PROTOCOL',
      'POLICY_VIOLATION',
      'REQUEST_TOO_LARGE',
      'UNSUPPORTED_MEDIA_TYPE',
      'OFFSET_OUT_OF_RANGE',
      'UNKNOWN_SERVER_ERROR',
      'COORDINATOR_NOT_AVAILABLE',
      'REQUEST_TIMED_OUT',
      'KAFKA_STORAGE_ERROR',
    ],
  },
  committedOffsets: {
    method: 'GET',
    path: '/v1/groups/{group}/offsets',
    plane: 'control',
    tag: 'groups',
    summary: 'Show committed offsets and lag',
    needs: [
      { resource: 'group', operation: 'Describe' },
      { resource: 'topic', operation: 'Describe', named: 'answer' },
    ],
    query: CommittedOffsetsQuery,
    answers: {
      200: {
        description: 'The committed offsets; empty for an unknown group.',
        body: CommittedOffsetsDto,
      },
    },
    errors: ['INVALID_REQUEST', 'UNKNOWN_SERVER_ERROR', 'COORDINATOR_NOT_AVAILABLE'],
  },
} as const satisfies OperationSpecs;
