/**
 * Schemas of records and of what is answered about them; libs/record-routes reads and writes them
 * by hand.
 */
import { ref, type Schema } from '../schema/json-schema.js';
import { LEADER_EPOCH, OFFSET, PARTITION, TIMESTAMP } from '../schema/values.js';

const BASE64: Schema = { type: 'string', contentEncoding: 'base64' };
const TOPIC: Schema = { type: 'string' };

/** Components that the operations refer to. */
export const RECORD_SCHEMAS: Readonly<Record<string, Schema>> = {
  RecordToProduce: {
    type: 'object',
    description:
      'A record has one of `value` and `valueBase64`, and at most one of `key` and `keyBase64`.',
    additionalProperties: false,
    properties: {
      value: { description: 'Any JSON: kept as the text that was sent. null is a tombstone.' },
      valueBase64: { ...BASE64, description: 'A value that is not JSON, as its bytes.' },
      key: { description: 'A string is kept as its UTF-8 bytes, any other JSON as its text.' },
      keyBase64: { ...BASE64, description: 'A key that is not text, as its bytes.' },
      headers: {
        type: 'array',
        items: ref('RecordHeader'),
        description: 'An object of strings is accepted as a short form.',
      },
      partition: { ...PARTITION, description: 'Default: chosen by the key, or by `partitioner`.' },
      timestamp: {
        ...TIMESTAMP,
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'Milliseconds since the epoch. Default: now.',
      },
      deliverAt: {
        ...TIMESTAMP,
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description:
          'Milliseconds since the epoch before which queue groups do not deliver the record, within ' +
          '`retention.ms`. All other readers see it at once. Stored as the header `sluice.deliver.at`.',
      },
      delayMs: {
        type: 'integer',
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'In place of `deliverAt`: the time from now, in milliseconds.',
      },
    },
  },
  RecordHeader: {
    type: 'object',
    description: 'A header has a `key` and one of `value` and `valueBase64`.',
    required: ['key'],
    minProperties: 2,
    maxProperties: 2,
    additionalProperties: false,
    properties: {
      key: { type: 'string' },
      value: { type: ['string', 'null'] },
      valueBase64: { ...BASE64, description: 'A value that is not text, as its bytes.' },
    },
  },
  RecordsToProduce: {
    type: 'object',
    required: ['records'],
    additionalProperties: false,
    properties: { records: { type: 'array', minItems: 1, items: ref('RecordToProduce') } },
  },
  ProducedOffset: {
    type: 'object',
    required: ['partition', 'offset', 'timestamp'],
    properties: { partition: PARTITION, offset: OFFSET, timestamp: TIMESTAMP },
  },
  ProducedOffsets: {
    type: 'object',
    required: ['offsets'],
    properties: {
      offsets: {
        type: 'array',
        items: ref('ProducedOffset'),
        description: 'In the order of the records.',
      },
    },
  },
  PartlyProducedOffset: {
    type: 'object',
    description: 'The place of a record, or the `error` that it was not written with.',
    required: ['partition'],
    properties: {
      partition: PARTITION,
      offset: OFFSET,
      timestamp: TIMESTAMP,
      error: ref('Problem'),
    },
  },
  PartlyProduced: {
    type: 'object',
    required: ['offsets'],
    properties: {
      offsets: {
        type: 'array',
        items: ref('PartlyProducedOffset'),
        description: 'In the order of the records.',
      },
    },
  },
  FetchedRecord: {
    type: 'object',
    required: ['topic', 'partition', 'offset', 'timestamp', 'headers'],
    properties: {
      topic: TOPIC,
      partition: PARTITION,
      offset: OFFSET,
      timestamp: { ...TIMESTAMP, description: 'Milliseconds since the epoch.' },
      key: { description: 'As it was sent; a string when it is UTF-8, null when there is none.' },
      keyBase64: { ...BASE64, description: 'In place of `key`: a key that is not UTF-8.' },
      value: { description: 'As it was sent; a string when it is UTF-8, null for a tombstone.' },
      valueBase64: { ...BASE64, description: 'In place of `value`: a value that is not UTF-8.' },
      headers: { type: 'array', items: ref('RecordHeader') },
      deliveryCount: {
        type: 'integer',
        minimum: 1,
        description: 'In answers to members of a queue: which delivery of the record this is.',
      },
    },
  },
  FetchedRecords: {
    type: 'object',
    required: ['records', 'nextOffset', 'highWatermark', 'logStartOffset', 'leaderEpoch'],
    properties: {
      records: { type: 'array', items: ref('FetchedRecord') },
      nextOffset: { ...OFFSET, description: 'The offset to fetch next.' },
      highWatermark: { ...OFFSET, description: 'First offset that is not committed.' },
      logStartOffset: { ...OFFSET, description: 'First offset that may be read.' },
      leaderEpoch: { ...LEADER_EPOCH, type: ['integer', 'null'] },
    },
  },
  PartitionOfMember: {
    type: 'object',
    required: ['topic', 'partition'],
    properties: { topic: TOPIC, partition: PARTITION },
  },
  PositionReset: {
    type: 'object',
    description: 'A position that was moved because its records are gone.',
    required: ['topic', 'partition', 'from', 'to', 'reason'],
    properties: {
      topic: TOPIC,
      partition: PARTITION,
      from: OFFSET,
      to: OFFSET,
      reason: { type: 'string' },
    },
  },
  PolledRecords: {
    type: 'object',
    description: 'In queue mode there is no `cursor`.',
    required: ['records', 'generation', 'assignment', 'revoking', 'resets'],
    properties: {
      records: { type: 'array', items: ref('FetchedRecord') },
      cursor: {
        type: 'string',
        maxLength: 4096,
        description: 'Sent with the next poll, it says that this answer arrived.',
      },
      generation: { ...OFFSET, description: 'Number of changes of the assignment of the group.' },
      assignment: {
        type: 'array',
        items: ref('PartitionOfMember'),
        description: 'Partitions that the member reads; in stream mode it alone.',
      },
      revoking: {
        type: 'array',
        items: ref('PartitionOfMember'),
        description:
          'Partitions that move to another member with the next poll; none in queue mode.',
      },
      resets: { type: 'array', items: ref('PositionReset') },
    },
  },
};
