import type { IncomingHttpHeaders } from 'node:http';
import type { RequestProducer } from '#broker';
import { ProtocolError } from '#protocol';
import type { Access, ProducerTokens } from '#security';

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

/** A producer id that a request uses, and what shows that the caller may use it. */
interface ProducerClaim {
  readonly producer: RequestProducer;
  readonly access: Access;
  /** The token that came with the request; undefined without one. */
  readonly token: string | undefined;
}

/**
 * Refuses a producer id that was not issued to the caller.
 * @param tokens undefined while authentication is off: then every caller is the same
 * @throws ProtocolError CLUSTER_AUTHORIZATION_FAILED
 */
export function assertOwnProducer(
  tokens: ProducerTokens | undefined,
  { producer, access, token }: ProducerClaim,
): void {
  if (tokens === undefined) return;
  if (tokens.isValid(token ?? '', access.caller.principal, producer)) return;
  throw new ProtocolError(
    'CLUSTER_AUTHORIZATION_FAILED',
    'A producer id is used with its producerToken, by the caller to whom POST /v1/producers ' +
      'answered both: send it as the header Producer-Token, or as producerToken of "publish".',
  );
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
