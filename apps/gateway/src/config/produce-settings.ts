import { flag, GIB, KIB, MIB, wholeNumber } from '#settings';

/** Settings of records that wait to be written: the accumulator of each partition. */
export const PRODUCE_SETTINGS = {
  bufferMemoryBytes: wholeNumber({
    variable: 'SLUICE_BUFFER_MEMORY_BYTES',
    byDefault: 32 * MIB,
    min: 64 * KIB,
    max: 64 * GIB,
    sentence:
      "Kafka's `buffer.memory`: records that wait to be written; above it: 503 `BUFFER_EXHAUSTED`.",
  }),
  maxBlockMs: wholeNumber({
    variable: 'SLUICE_MAX_BLOCK_MS',
    byDefault: 5000,
    min: 0,
    max: 600_000,
    sentence:
      "Kafka's `max.block.ms`: time that a request waits for buffer memory before it is refused; `acks=0` never waits.",
  }),
  batchSizeBytes: wholeNumber({
    variable: 'SLUICE_BATCH_SIZE_BYTES',
    byDefault: 16_384,
    min: 512,
    max: GIB,
    sentence: "Kafka's `batch.size`: at this size a new record batch begins.",
  }),
  lingerMs: wholeNumber({
    variable: 'SLUICE_LINGER_MS',
    byDefault: 0,
    min: 0,
    max: 60_000,
    sentence:
      "Kafka's `linger.ms`: time that records wait for more records. 0 writes the records that arrived during the last write.",
  }),
  autoCreateTopics: flag({
    variable: 'SLUICE_AUTO_CREATE_TOPICS',
    byDefault: false,
    sentence:
      "Kafka's `auto.create.topics.enable`: producing to a missing topic creates it. With `SLUICE_AUTH=on` the caller also needs Create on the topic or the cluster.",
  }),
};
