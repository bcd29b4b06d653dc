/**
 * Problem documents: errors as clients see them, `application/problem+json` (RFC 9457).
 *
 * One table maps every error code of the contract to its status, and the compiler keeps it
 * complete.
 */
import {
  ERROR_CODES,
  type ErrorCode,
  type Fault,
  type Outcome,
  type ProtocolError,
} from '#protocol';

const STATUS_OF = {
  INVALID_REQUEST: 400,
  INVALID_RECORD: 400,
  INVALID_TOPIC_EXCEPTION: 400,
  INVALID_PARTITIONS: 400,
  INVALID_REPLICATION_FACTOR: 400,
  INVALID_CONFIG: 400,
  INVALID_TIMESTAMP: 400,
  SASL_AUTHENTICATION_FAILED: 401,
  TOPIC_AUTHORIZATION_FAILED: 403,
  GROUP_AUTHORIZATION_FAILED: 403,
  CLUSTER_AUTHORIZATION_FAILED: 403,
  UNKNOWN_TOPIC_OR_PARTITION: 404,
  GROUP_ID_NOT_FOUND: 404,
  UNKNOWN_MEMBER_ID: 404,
  RESOURCE_NOT_FOUND: 404,
  NO_OFFSET_FOR_PARTITION: 404,
  SECURITY_DISABLED: 409,
  TOPIC_ALREADY_EXISTS: 409,
  ILLEGAL_GENERATION: 409,
  INVALID_RECORD_STATE: 409,
  FENCED_MEMBER_EPOCH: 409,
  UNRELEASED_INSTANCE_ID: 409,
  GROUP_MAX_SIZE_REACHED: 409,
  INCONSISTENT_GROUP_PROTOCOL: 409,
  NON_EMPTY_GROUP: 409,
  OUT_OF_ORDER_SEQUENCE_NUMBER: 409,
  INVALID_PRODUCER_EPOCH: 409,
  INVALID_PRODUCER_ID_MAPPING: 409,
  DUPLICATE_SEQUENCE_NUMBER: 409,
  POLICY_VIOLATION: 409,
  MESSAGE_TOO_LARGE: 413,
  REQUEST_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  OFFSET_OUT_OF_RANGE: 416,
  THROTTLING_QUOTA_EXCEEDED: 429,
  UNSUPPORTED_COMPRESSION_TYPE: 500,
  CORRUPT_MESSAGE: 500,
  UNKNOWN_SERVER_ERROR: 500,
  LEADER_NOT_AVAILABLE: 503,
  NOT_ENOUGH_REPLICAS: 503,
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: 503,
  COORDINATOR_NOT_AVAILABLE: 503,
  BUFFER_EXHAUSTED: 503,
  BROKER_NOT_AVAILABLE: 503,
  REQUEST_TIMED_OUT: 504,
  KAFKA_STORAGE_ERROR: 507,
} as const satisfies Record<ErrorCode, number>;

/** Retry delay if the thrower did not give one. */
const RETRY_AFTER_DEFAULT_MS = 1000;

/** Maximum characters of an error's sentence. */
const DETAIL_LENGTH_MAX = 2000;
/** Maximum characters of the pointer and of the sentence of one fault. */
const FAULT_LENGTH_MAX = 500;

/** Media type of every error answer. */
export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** An RFC 9457 problem document with the contract's own members. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly code: ErrorCode;
  readonly retriable: boolean;
  /** Effect of the request on the log; present only for writes. */
  readonly outcome?: Outcome;
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
  /** Members of the error, such as the offsets of OFFSET_OUT_OF_RANGE. */
  readonly [member: string]: unknown;
}

/** Differences of one answer from the table's row of its code. */
export interface ProblemOptions {
  /** Adds `outcome`. */
  readonly isWrite?: boolean;
  /** Replaces the code's status if HTTP has a closer one (404 and 405 for a route, 408). */
  readonly status?: number;
}

/** The HTTP status of an error code. */
export function statusOf(code: ErrorCode): number {
  return STATUS_OF[code];
}

/** Returns the URI of an error code; it is a name, not an address. */
function problemType(code: ErrorCode): string {
  return `urn:sluice:error:${code}`;
}

/** @param instance path of the request */
export function problemDocument(
  error: ProtocolError,
  instance: string,
  options: ProblemOptions = {},
): Problem {
  return {
    type: problemType(error.code),
    title: ERROR_CODES[error.code].sentence,
    status: options.status ?? STATUS_OF[error.code],
    detail: clipped(error.message, DETAIL_LENGTH_MAX),
    instance,
    code: error.code,
    retriable: error.retriable,
    ...(options.isWrite === true ? { outcome: error.outcome } : undefined),
    ...(error.faults.length > 0 ? { errors: describedFaults(error) } : undefined),
    ...error.members,
  };
}

/** Returns the first faults, and one entry with the number of the others. */
function describedFaults({ faults, faultsOmitted }: ProtocolError): readonly Fault[] {
  const described = faults.map((fault) => ({
    pointer: clippedPointer(fault.pointer),
    detail: clipped(fault.detail, FAULT_LENGTH_MAX),
  }));
  if (faultsOmitted > 0) described.push({ pointer: '', detail: `and ${faultsOmitted} more` });
  return described;
}

/** Shortens a client's own text, so that an answer is not larger than its request. */
function clipped(text: string, lengthMax: number): string {
  return text.length <= lengthMax ? text : `${text.slice(0, lengthMax)}...`;
}

/** Shortens a long pointer to a value further up. */
function clippedPointer(pointer: string): string {
  if (pointer.length <= FAULT_LENGTH_MAX) return pointer;
  return pointer.slice(0, Math.max(0, pointer.lastIndexOf('/', FAULT_LENGTH_MAX)));
}

/**
 * Returns whole seconds for `Retry-After`, which 429 and 503 have; undefined for every other
 * status.
 */
export function retryAfterSeconds(error: ProtocolError, status: number): number | undefined {
  if (status !== 429 && status !== 503) return undefined;
  return Math.max(1, Math.ceil((error.retryAfterMs ?? RETRY_AFTER_DEFAULT_MS) / 1000));
}

/** True when a request with this method may change something. */
export function isWriteMethod(method: string | undefined): boolean {
  return method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS';
}
