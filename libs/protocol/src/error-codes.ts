/**
 * All errors that a client can receive, by Kafka's name.
 *
 * `number` is Kafka's protocol number where Kafka has the error, and null where Kafka has none.
 * `retriable`: the same request may succeed later without being changed. `outcome` is the effect of
 * a write that ended with this error: `failed` was not applied and never will be, `unknown` may be
 * in the log, `applied` is in the log already. A thrower may override it where the same code can
 * end both ways (KAFKA_STORAGE_ERROR: on a full disk the write failed, after a failed sync it is
 * unknown).
 */
export const ERROR_CODES = {
  INVALID_REQUEST: code(42, false, 'failed', 'The request is malformed.'),
  INVALID_RECORD: code(87, false, 'failed', 'A record is not acceptable.'),
  INVALID_TOPIC_EXCEPTION: code(17, false, 'failed', 'The topic name is not acceptable.'),
  INVALID_PARTITIONS: code(37, false, 'failed', 'The number of partitions is not acceptable.'),
  INVALID_REPLICATION_FACTOR: code(
    38,
    false,
    'failed',
    'The replication factor is not acceptable.',
  ),
  INVALID_CONFIG: code(40, false, 'failed', 'A config is not acceptable.'),
  INVALID_TIMESTAMP: code(32, false, 'failed', 'A timestamp is not acceptable.'),
  SASL_AUTHENTICATION_FAILED: code(58, false, 'failed', 'The credentials were not accepted.'),
  TOPIC_AUTHORIZATION_FAILED: code(29, false, 'failed', 'The topic may not be used this way.'),
  GROUP_AUTHORIZATION_FAILED: code(30, false, 'failed', 'The group may not be used this way.'),
  CLUSTER_AUTHORIZATION_FAILED: code(31, false, 'failed', 'The caller may not do this.'),
  SECURITY_DISABLED: code(54, false, 'failed', 'Authentication is off.'),
  UNKNOWN_TOPIC_OR_PARTITION: code(3, false, 'failed', 'There is no such topic or partition.'),
  GROUP_ID_NOT_FOUND: code(69, false, 'failed', 'There is no such group.'),
  UNKNOWN_MEMBER_ID: code(25, false, 'failed', 'The group has no such member.'),
  RESOURCE_NOT_FOUND: code(91, false, 'failed', 'There is no such thing.'),
  NO_OFFSET_FOR_PARTITION: code(null, false, 'failed', 'A partition has no committed offset.'),
  TOPIC_ALREADY_EXISTS: code(36, false, 'failed', 'The topic exists already.'),
  ILLEGAL_GENERATION: code(22, false, 'failed', 'The generation is not the current one.'),
  FENCED_MEMBER_EPOCH: code(110, false, 'failed', 'Another process took this member over.'),
  UNRELEASED_INSTANCE_ID: code(111, false, 'failed', 'Another process has this instanceId.'),
  GROUP_MAX_SIZE_REACHED: code(
    81,
    false,
    'failed',
    'The group has as many members as it may have.',
  ),
  INCONSISTENT_GROUP_PROTOCOL: code(23, false, 'failed', 'The group is in another mode.'),
  INVALID_RECORD_STATE: code(121, false, 'failed', 'The record is not with this member.'),
  NON_EMPTY_GROUP: code(68, false, 'failed', 'The group has members.'),
  OUT_OF_ORDER_SEQUENCE_NUMBER: code(45, false, 'failed', 'The sequence does not follow.'),
  INVALID_PRODUCER_EPOCH: code(47, false, 'failed', 'The producer epoch is an old one.'),
  INVALID_PRODUCER_ID_MAPPING: code(49, false, 'failed', 'The producer id was never issued.'),
  DUPLICATE_SEQUENCE_NUMBER: code(46, false, 'applied', 'The sequence was written before.'),
  POLICY_VIOLATION: code(44, false, 'failed', 'A limit of this cluster would be exceeded.'),
  MESSAGE_TOO_LARGE: code(10, false, 'failed', 'A record is too large.'),
  REQUEST_TOO_LARGE: code(null, false, 'failed', 'The request is too large.'),
  UNSUPPORTED_MEDIA_TYPE: code(null, false, 'failed', 'The content coding or type is not known.'),
  UNSUPPORTED_COMPRESSION_TYPE: code(
    76,
    false,
    'failed',
    'The stored batch is compressed in a way that cannot be read.',
  ),
  OFFSET_OUT_OF_RANGE: code(1, false, 'failed', 'The offset is not in the log.'),
  THROTTLING_QUOTA_EXCEEDED: code(89, true, 'failed', 'A quota or limit is used up for now.'),
  CORRUPT_MESSAGE: code(2, false, 'failed', 'This range of the log is damaged.'),
  UNKNOWN_SERVER_ERROR: code(-1, true, 'unknown', 'Something went wrong in the broker.'),
  LEADER_NOT_AVAILABLE: code(5, true, 'failed', 'The partition has no leader at present.'),
  NOT_ENOUGH_REPLICAS: code(19, true, 'failed', 'Too few replicas are in sync.'),
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: code(
    20,
    true,
    'unknown',
    'Too few replicas were in sync after the append.',
  ),
  COORDINATOR_NOT_AVAILABLE: code(15, true, 'failed', 'The group coordinator is not available.'),
  BUFFER_EXHAUSTED: code(null, true, 'failed', 'The buffer for records to be written is full.'),
  BROKER_NOT_AVAILABLE: code(8, true, 'failed', 'The broker cannot do this at present.'),
  REQUEST_TIMED_OUT: code(7, true, 'unknown', 'The request was not done in time.'),
  KAFKA_STORAGE_ERROR: code(56, true, 'failed', 'The disk failed to read or write the data.'),
} as const satisfies Record<string, ErrorCodeEntry>;

/** The effect on the log of a write that ended with an error. */
export type Outcome = 'failed' | 'unknown' | 'applied';

/** A row of the table above. */
export interface ErrorCodeEntry {
  readonly number: number | null;
  readonly retriable: boolean;
  readonly outcome: Outcome;
  readonly sentence: string;
}

/** Kafka's name of an error. */
export type ErrorCode = keyof typeof ERROR_CODES;

function code(
  number: number | null,
  retriable: boolean,
  outcome: Outcome,
  sentence: string,
): ErrorCodeEntry {
  return { number, retriable, outcome, sentence };
}
