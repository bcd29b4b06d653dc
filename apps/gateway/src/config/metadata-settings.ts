import { wholeNumber } from './setting.js';
import { INT32_MAX } from './units.js';

/** Topics, partitions and committed offsets. */
export const METADATA_SETTINGS = {
  topicsMax: wholeNumber({
    variable: 'SLUICE_TOPICS_MAX',
    byDefault: 2000,
    min: 1,
    max: 1_000_000,
    sentence: 'Topics of the cluster; over it: 409 `POLICY_VIOLATION`.',
  }),
  partitionsMax: wholeNumber({
    variable: 'SLUICE_PARTITIONS_MAX',
    byDefault: 10_000,
    min: 1,
    max: 1_000_000,
    sentence: 'Partitions of all topics together; over it: 409 `POLICY_VIOLATION`.',
  }),
  offsetsKeptMax: wholeNumber({
    variable: 'SLUICE_OFFSETS_KEPT_MAX',
    byDefault: 1_000_000,
    min: 1,
    max: 100_000_000,
    sentence:
      'Committed offsets of all groups, which are kept in memory; over it: 409 `POLICY_VIOLATION`.',
  }),
  offsetsRetentionMinutes: wholeNumber({
    variable: 'SLUICE_OFFSETS_RETENTION_MINUTES',
    byDefault: 7 * 24 * 60,
    min: 1,
    max: INT32_MAX,
    sentence:
      "Kafka's `offsets.retention.minutes`: a group without members that has committed nothing for so long loses its offsets.",
  }),
  offsetsTopicPartitions: wholeNumber({
    variable: 'SLUICE_OFFSETS_TOPIC_PARTITIONS',
    byDefault: 16,
    min: 1,
    max: 1000,
    sentence:
      "Kafka's `offsets.topic.num.partitions`: partitions of `__consumer_offsets`. Fixed when that topic is made.",
  }),
};
