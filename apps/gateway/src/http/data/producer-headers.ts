import type { IncomingHttpHeaders } from 'node:http';
import type { ProducerIdentity } from '#broker';
import { ProtocolError } from '#protocol';

/** The producer of a request, and the sequence of its first record in its partition. */
export type RequestProducer = ProducerIdentity & { readonly sequence: number };

const HEADERS = [
  { name: 'Producer-Id', key: 'producer-id', max: Number.MAX_SAFE_INTEGER },
  { name: 'Producer-Epoch', key: 'producer-epoch', max: 2 ** 15 - 1 },
  { name: 'Producer-Sequence', key: 'producer-sequence', max: 2 ** 31 - 1 },
] as const;

/**
 * Reads the Producer-* headers: all three are present, or none.
 * @throws ProtocolError INVALID_REQUEST
 */
export function requestProducer(headers: IncomingHttpHeaders): RequestProducer | undefined {
  if (
    headers['producer-id'] === undefined &&
    headers['producer-epoch'] === undefined &&
    headers['producer-sequence'] === undefined
  ) {
    return undefined;
  }
  const [producerId, producerEpoch, sequence] = HEADERS.map(({ name, key, max }) =>
    headerNumber(name, headers[key], max),
  ) as [number, number, number];
  return { producerId, producerEpoch, sequence };
}

function headerNumber(name: string, value: string | string[] | undefined, max: number): number {
  const text = String(value ?? '');
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (number <= max) return number;
  const found = value === undefined ? 'is missing' : `is ${JSON.stringify(text)}`;
  throw new ProtocolError(
    'INVALID_REQUEST',
    `The header ${name} ${found}; accepted: a whole number from 0 to ${max}, and Producer-Id, ` +
      'Producer-Epoch and Producer-Sequence go together.',
  );
}
