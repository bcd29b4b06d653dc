import { createRequire } from 'node:module';
import type { ReadRecord } from './record-sets.js';

/** A record as kafkajs's decoder returns it, reduced to the members that tests use. */
interface KafkajsRecord {
  readonly offset: string;
  readonly timestamp: string;
  readonly attributes: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer | null | (Buffer | null)[]>>;
}

type Decoder = object;
type DecodeBatch = (decoder: Decoder) => Promise<{ readonly records: readonly KafkajsRecord[] }>;

const require = createRequire(import.meta.url);
const KafkajsDecoder = require('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => Decoder;
const decodeBatch = require('kafkajs/src/protocol/recordBatch/v0/decoder') as DecodeBatch;

/**
 * The records of a batch as kafkajs reads them: an implementation of the format that is not ours.
 * It collects headers by name, so headers come back in the order of first appearance.
 */
export async function kafkajsRecords(bytes: Buffer): Promise<ReadRecord[]> {
  const { records } = await decodeBatch(new KafkajsDecoder(Buffer.from(bytes)));
  return records.map(({ offset, timestamp, attributes, key, value, headers }) => ({
    offset: Number(offset),
    timestamp: Number(timestamp),
    attributes,
    key: latin1(key),
    value: latin1(value),
    headers: Object.entries(headers).flatMap(([name, values]) =>
      [values]
        .flat()
        .map((header): [string, string | null] => [
          Buffer.from(name).toString('latin1'),
          latin1(header),
        ]),
    ),
  }));
}

function latin1(bytes: Buffer | null): string | null {
  return bytes === null ? null : bytes.toString('latin1');
}
