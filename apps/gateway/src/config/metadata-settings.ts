import { GIB, INT32_MAX, KIB, MIB, wholeNumber } from '#settings';

/** Settings of topics, partitions and committed offsets. */
export const METADATA_SETTINGS = {
  topicsMax: wholeNumber({
    variable: 'SLUICE_TOPICS_MAX',
    byDefault: 2000,
    min: 1,
    max: 1_000_000,
    sentence: 'Topics of the cluster; above it: 409 `POLICY_VIOLATION`.',
  }),
  partitionsMax: wholeNumber({
    variable: 'SLUICE_PARTITIONS_MAX',
    byDefault: 10_000,
    min: 1,
    max: 1_000_000,
    sentence: 'Partitions of all topics together; above it: 409 `POLICY_VIOLATION`.',
  }),
  partitionsPerBrokerMax: wholeNumber({
    variable: 'SLUICE_PARTITIONS_PER_BROKER_MAX',
    byDefault: 10_000,
    min: 1,
    max: 1_000_000,
    sentence:
      'Replicas that one broker keeps, each of which takes memory (docs/operating/memory.md); a topic, a partition or a move that would exceed it: 409 `POLICY_VIOLATION`. Must be the same for all brokers.',
  }),
  offsetsKeptMax: wholeNumber({
    variable: 'SLUICE_OFFSETS_KEPT_MAX',
    byDefault: 1_000_000,
    min: 1,
    max: 100_000_000,
    sentence:
      'Committed offsets of all groups, which are kept in memory; above it: 409 `POLICY_VIOLATION`.',
  }),
  offsetsKeptBytes: wholeNumber({
    variable: 'SLUICE_OFFSETS_KEPT_BYTES',
    byDefault: 64 * MIB,
    min: 64 * KIB,
    max: 64 * GIB,
    sentence:
      'Memory for committed offsets with their metadata and the names of their groups; a commit that would exceed it is refused with 409 `POLICY_VIOLATION`, a commit that needs no more memory than before is accepted.',
  }),
  offsetMetadataBytesMax: wholeNumber({
    variable: 'SLUICE_OFFSET_METADATA_BYTES_MAX',
    byDefault: 4096,
    min: 0,
    max: 64 * KIB,
    sentence:
      "Kafka's `offset.metadata.max.bytes`: metadata of one committed offset, in UTF-8; above it: 400 `INVALID_REQUEST`.",
  }),
  offsetsRetentionMinutes: wholeNumber({
    variable: 'SLUICE_OFFSETS_RETENTION_MINUTES',
    byDefault: 7 * 24 * 60,
    min: 1,
    max: INT32_MAX,
    sentence:
      "Kafka's `offsets.retention.minutes`: a group without members that has committed nothing for this time loses its offsets.",
  }),
  groupsMax: wholeNumber({
    variable: 'SLUICE_GROUPS_MAX',
    byDefault: 100_000,
    min: 1,
    max: 10_000_000,
    sentence:
      'Groups that one broker coordinates; a join or a config that would make another one is refused with 409 `POLICY_VIOLATION`.',
  }),
  groupMembersMax: wholeNumber({
    variable: 'SLUICE_GROUP_MEMBERS_MAX',
    byDefault: 1000,
    min: 1,
    max: 100_000,
    sentence:
      "Kafka's `group.consumer.max.size`: members of one group; above it: 409 `GROUP_MAX_SIZE_REACHED`.",
  }),
  groupMemberTopicsMax: wholeNumber({
    variable: 'SLUICE_GROUP_MEMBER_TOPICS_MAX',
    byDefault: 1000,
    min: 1,
    max: 100_000,
    sentence:
      'Topics and patterns that one member subscribes to; above it: 409 `POLICY_VIOLATION`.',
  }),
  groupStateBytes: wholeNumber({
    variable: 'SLUICE_GROUP_STATE_BYTES',
    byDefault: 64 * MIB,
    min: 64 * KIB,
    max: 64 * GIB,
    sentence:
      'Memory for members, subscriptions and assignments of all groups; a join that would exceed it is refused with 409 `POLICY_VIOLATION`.',
  }),
  queueGroupsMax: wholeNumber({
    variable: 'SLUICE_QUEUE_GROUPS_MAX',
    byDefault: 10_000,
    min: 1,
    max: 10_000_000,
    sentence:
      'Queue groups that this broker remembers to be in queue mode. Beyond it the oldest name is forgotten, which refuses nothing: the next poll of its members costs one call more.',
  }),
  redriveWaitingMax: wholeNumber({
    variable: 'SLUICE_REDRIVE_WAITING_MAX',
    byDefault: 10_000,
    min: 1,
    max: 1_000_000,
    sentence:
      'Dead letters of one partition that may stay behind while later ones are put back; a redrive that would leave more is refused with 409 `POLICY_VIOLATION`.',
  }),
  delayedIndexesMax: wholeNumber({
    variable: 'SLUICE_DELAYED_INDEXES_MAX',
    byDefault: 64,
    min: 1,
    max: 1_000_000,
    sentence:
      'Partitions whose index of delayed records is open. Beyond it the one that was not used for longest is saved and closed, which refuses nothing: it is opened again when a queue group asks.',
  }),
  delayedTailRecordsMax: wholeNumber({
    variable: 'SLUICE_DELAYED_TAIL_RECORDS_MAX',
    byDefault: 65_536,
    min: 1000,
    max: 10_000_000,
    sentence:
      'Delayed records of one open index in memory, 20 bytes each; beyond it they are written into a file. Nothing is refused: delayed records are bounded by the disk.',
  }),
  groupSessionTimeoutMs: wholeNumber({
    variable: 'SLUICE_GROUP_SESSION_TIMEOUT_MS',
    byDefault: 45_000,
    min: 100,
    max: INT32_MAX,
    sentence:
      "Kafka's `group.consumer.session.timeout.ms`: time without a call after which a member is removed, for members and groups that name none.",
  }),
  groupSessionTimeoutMinMs: wholeNumber({
    variable: 'SLUICE_GROUP_SESSION_TIMEOUT_MIN_MS',
    byDefault: 100,
    min: 10,
    max: INT32_MAX,
    sentence:
      "Kafka's `group.consumer.min.session.timeout.ms`, which is 45000 there: shortest session time-out. A session below a second may end when a process or a disk pauses for a moment.",
  }),
  groupSessionTimeoutMaxMs: wholeNumber({
    variable: 'SLUICE_GROUP_SESSION_TIMEOUT_MAX_MS',
    byDefault: 1_800_000,
    min: 100,
    max: INT32_MAX,
    sentence: "Kafka's `group.consumer.max.session.timeout.ms`: longest session time-out.",
  }),
  deleteOnAckIntervalMs: wholeNumber({
    variable: 'SLUICE_DELETE_ON_ACK_INTERVAL_MS',
    byDefault: 1000,
    min: 10,
    max: INT32_MAX,
    sentence:
      'Interval in which leaders delete the records of topics with `sluice.delete.on.ack` that all queue groups are done with.',
  }),
  offsetsTopicPartitions: wholeNumber({
    variable: 'SLUICE_OFFSETS_TOPIC_PARTITIONS',
    byDefault: 16,
    min: 1,
    max: 1000,
    sentence:
      "Kafka's `offsets.topic.num.partitions`: partitions of `__consumer_offsets`. Fixed when that topic is created.",
  }),
  offsetsTopicSegmentBytes: wholeNumber({
    variable: 'SLUICE_OFFSETS_TOPIC_SEGMENT_BYTES',
    byDefault: 16 * MIB,
    min: MIB,
    max: INT32_MAX,
    sentence:
      "Kafka's `offsets.topic.segment.bytes`: bytes of the segments of `__consumer_offsets`, of which all but the newest are compacted. Fixed when that topic is created.",
  }),
};
