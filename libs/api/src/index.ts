/**
 * The public contract of the gateway as data: operations, messages, their checked types, limits and
 * errors. `#api/documents` has the documents that describe it.
 */

export { ENTRY_POINTS } from './entry-points.js';
export { isOnResource, isPublic, type Permission, type ResourcePermission } from './permission.js';
export {
  isWriteMethod,
  PROBLEM_MEDIA_TYPE,
  type Problem,
  type ProblemOptions,
  problemDocument,
  retryAfterSeconds,
  statusOf,
} from './problem/problem.js';
export type { OffsetToCommitDto } from './rest/commit-offsets.dto.js';
export {
  EVENT_PARTITIONS_MAX,
  FETCH_BYTES_DEFAULT,
  FETCH_BYTES_MAX,
  FETCH_LIMIT_DEFAULT,
  FETCH_WAIT_MS_MAX,
  GROUP_LIST_DEFAULT,
  IN_FLIGHT_LIST_DEFAULT,
  MAX_POLL_INTERVAL_MS_DEFAULT,
  PRODUCE_TIMEOUT_MS_DEFAULT,
  REASON_LENGTH_MAX,
  RECEIVE_ID_LENGTH_MAX,
  SECURITY_LIST_DEFAULT,
} from './rest/limits.js';
export type { DataRoute, OperationSpec, RecordsForm } from './rest/operation.js';
export { type OperationPart, partOf } from './rest/operation-parts.js';
export {
  ALL_OPERATIONS,
  type ControllerOperationId,
  type Input,
  methodsOf,
  OPERATIONS,
  type Operation,
  type OperationId,
  type Output,
  queryParametersOf,
} from './rest/operations.js';
export { partitionNumber } from './rest/path-numbers.js';
export { isPartial, produceAnswer, producedText } from './rest/produce-answer.js';
export { type ReceivedRequest, readInput } from './rest/read-input.js';
export type {
  ClockCheck,
  ClusterCheck,
  DescriptorCheck,
  DiskCheck,
  LostRecords,
  ReadinessReport,
  SecurityCheck,
  StorageCheck,
} from './rest/readiness-report.js';
export { present } from './schema/members.js';
export { MESSAGE, readDto } from './schema/read-dto.js';
export { INT32_MAX } from './schema/values.js';
export { isWholeNumber, type TopicChoice } from './socket/members.js';
export type { PublishData } from './socket/publish-data.js';
export { type MessageLimits, ReceivedMessage } from './socket/received-message.js';
export { serverObject } from './socket/server-object.js';
export { SOCKET_PATH, SUBPROTOCOL } from './socket/socket-address.js';
export {
  type AnswerData,
  CLIENT_MESSAGES,
  type ClientData,
  type ClientEvent,
  SERVER_MESSAGES,
  type ServerEvent,
} from './socket/socket-messages.js';
export { startPosition } from './socket/start-position-member.js';
