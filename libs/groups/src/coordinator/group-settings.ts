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
  /** Limit of the records of a queue that a member may have without having acknowledged them. */
  readonly memberUnacknowledgedRecordsMax: number;
  /** Limit of the dead letters of one partition that a redrive may leave behind. */
  readonly redriveWaitingMax: number;
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
  memberUnacknowledgedRecordsMax: 10_000,
  redriveWaitingMax: 10_000,
  groupStateBytes: 64 * 1024 * 1024,
  groupSessionTimeoutMs: 45_000,
  groupSessionTimeoutMinMs: 100,
  groupSessionTimeoutMaxMs: 1_800_000,
} satisfies Partial<GroupSettings>;

/** Settings of groups as they may be given: those with a default may be absent. */
export type GivenGroupSettings = Partial<GroupSettings> &
  Omit<GroupSettings, keyof typeof GROUP_DEFAULTS>;

/** Returns the settings with defaults for those that are absent. */
export function groupSettings(given: GivenGroupSettings): GroupSettings {
  const orDefault = (name: keyof typeof GROUP_DEFAULTS): number =>
    given[name] ?? GROUP_DEFAULTS[name];
  return {
    offsetsKeptMax: given.offsetsKeptMax,
    offsetsKeptBytes: given.offsetsKeptBytes,
    offsetMetadataBytesMax: given.offsetMetadataBytesMax,
    offsetsRetentionMinutes: given.offsetsRetentionMinutes,
    groupsMax: orDefault('groupsMax'),
    groupMembersMax: orDefault('groupMembersMax'),
    groupMemberTopicsMax: orDefault('groupMemberTopicsMax'),
    memberUnacknowledgedRecordsMax: orDefault('memberUnacknowledgedRecordsMax'),
    redriveWaitingMax: orDefault('redriveWaitingMax'),
    groupStateBytes: orDefault('groupStateBytes'),
    groupSessionTimeoutMs: orDefault('groupSessionTimeoutMs'),
    groupSessionTimeoutMinMs: orDefault('groupSessionTimeoutMinMs'),
    groupSessionTimeoutMaxMs: orDefault('groupSessionTimeoutMaxMs'),
  };
}
