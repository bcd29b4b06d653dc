/** Settings of groups and their offsets. Times in ms but where the name says otherwise. */
export interface GroupSettings {
  /** Limit of committed offsets on this broker, over all groups. */
  readonly offsetsKeptMax: number;
  /** Limit of their memory with metadata and group names, bytes. */
  readonly offsetsKeptBytes: number;
  /** Kafka's offset.metadata.max.bytes: limit per offset. */
  readonly offsetMetadataBytesMax: number;
  /** Kafka's offsets.retention.minutes: time since a group's last commit and last member. */
  readonly offsetsRetentionMinutes: number;
  readonly groupsMax: number;
  readonly groupMembersMax: number;
  readonly groupMemberTopicsMax: number;
  /** Limit of the memory of members, subscriptions and assignments of all groups. */
  readonly groupStateBytes: number;
  /** Kafka's group.consumer.session.timeout.ms, and its bounds. */
  readonly groupSessionTimeoutMs: number;
  readonly groupSessionTimeoutMinMs: number;
  readonly groupSessionTimeoutMaxMs: number;
}

export const GROUP_DEFAULTS = {
  groupsMax: 100_000,
  groupMembersMax: 1000,
  groupMemberTopicsMax: 1000,
  groupStateBytes: 64 * 1024 * 1024,
  groupSessionTimeoutMs: 45_000,
  groupSessionTimeoutMinMs: 100,
  groupSessionTimeoutMaxMs: 1_800_000,
} satisfies Partial<GroupSettings>;
