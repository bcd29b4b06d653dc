import { ERROR_CODES, type ErrorCode, ProtocolError } from '#protocol';
import { PROBLEM_MEDIA_TYPE, problemDocument, statusOf } from '../problem/problem.js';
import { ref, type Schema } from '../schema/json-schema.js';
import { COUNT, OFFSET } from '../schema/values.js';
import type { ExampleObject, ResponseObject } from './openapi-types.js';

/**
 * Errors of every operation: a foreign Origin or Host, exhausted connections, or a broker that
 * stops.
 */
const COMMON_ERRORS: readonly ErrorCode[] = [
  'CLUSTER_AUTHORIZATION_FAILED',
  'BROKER_NOT_AVAILABLE',
];

const CHALLENGE = { description: '`Bearer realm="sluice"`.', schema: { type: 'string' } };

/** Schemas of errors. */
export const PROBLEM_SCHEMAS: Readonly<Record<string, Schema>> = {
  Fault: {
    type: 'object',
    description: 'One fault of a request with its location.',
    required: ['pointer', 'detail'],
    properties: {
      pointer: { type: 'string', description: 'RFC 6901 into the body, or ?name of the query.' },
      detail: { type: 'string' },
    },
  },
  Problem: {
    type: 'object',
    description: 'An error, RFC 9457. Further members may be added.',
    required: ['type', 'title', 'status', 'detail', 'instance', 'code', 'retriable'],
    additionalProperties: true,
    properties: {
      type: { type: 'string', description: 'URI that identifies the code.' },
      title: { type: 'string' },
      status: { type: 'integer', format: 'int32' },
      detail: { type: 'string', description: 'Description of the fault, for people.' },
      instance: {
        type: 'string',
        description: 'Path of the request, with the prefix of SLUICE_PUBLIC_URL.',
      },
      code: { type: 'string', enum: Object.keys(ERROR_CODES), description: "Kafka's error name." },
      retriable: { type: 'boolean', description: 'The same request may succeed later.' },
      outcome: {
        type: 'string',
        enum: ['failed', 'unknown', 'applied'],
        description:
          'Outcome of a write. failed: not applied, and it never will be; unknown: it may be in the log; applied: it is in the log.',
      },
      errors: { type: 'array', items: ref('Fault'), description: 'At most 20 faults.' },
      ...problemMembers(),
    },
  },
};

/** Additional members of some codes. */
function problemMembers(): Readonly<Record<string, Schema>> {
  const offset = (description: string): Schema => ({ ...OFFSET, description });
  const count = (description: string): Schema => ({ ...COUNT, description });
  return {
    errorCount: count('Number of faults, if not all are in `errors`.'),
    position: count('Position at which a text stops being JSON, in bytes from its beginning.'),
    line: count('Line at which a text stops being JSON, from 1.'),
    column: count('Column at which a text stops being JSON, from 1.'),
    lineBytesMax: offset('Longest line of a stream that is accepted, in bytes.'),
    batchSizeBytes: offset('Size of the record as a batch of its own.'),
    maxMessageBytes: offset('The config `max.message.bytes` of the topic.'),
    topic: { type: 'string', description: 'The topic that the error is about.' },
    logStartOffset: offset('First offset that can be read.'),
    highWatermark: offset('First offset that is not committed.'),
    divergingOffset: offset('Records read from this offset on are no longer in the log.'),
    damagedStartOffset: offset('First offset that is damaged.'),
    damagedEndOffset: offset('First offset after the damaged ones.'),
    lostStartOffset: offset('First offset that is missing.'),
    lostEndOffset: offset('First offset after the missing ones.'),
    nextSequence: count('The sequence that the producer must send next.'),
    producerEpoch: count('The current epoch of the producer.'),
  };
}

/**
 * Returns the responses for the errors of an operation and those that every operation has, by
 * status, with an example of each code.
 */
export function problemResponses(
  codes: readonly ErrorCode[],
  path: string,
  isWrite: boolean,
): Record<string, ResponseObject> {
  const responses: Record<string, ResponseObject> = {};
  const all = [...new Set([...codes, ...COMMON_ERRORS])];
  for (const status of new Set(all.map(statusOf))) {
    const ofStatus = all.filter((code) => statusOf(code) === status);
    responses[status] = problemResponse(status, ofStatus, path, isWrite);
  }
  return responses;
}

function problemResponse(
  status: number,
  codes: readonly ErrorCode[],
  path: string,
  isWrite: boolean,
): ResponseObject {
  const examples: Record<string, ExampleObject> = {};
  for (const code of codes) {
    const error = new ProtocolError(code, ERROR_CODES[code].sentence);
    examples[code] = { value: problemDocument(error, path, { isWrite }) };
  }
  const hasRetryAfter = status === 429 || status === 503;
  const retryAfter = {
    description: 'Seconds.',
    schema: { type: 'integer', format: 'int32', minimum: 1 },
  };
  return {
    description: codes.map((code) => `\`${code}\`: ${ERROR_CODES[code].sentence}`).join(' '),
    ...(hasRetryAfter ? { headers: { 'Retry-After': retryAfter } } : {}),
    ...(status === 401 ? { headers: { 'WWW-Authenticate': CHALLENGE } } : {}),
    content: {
      [PROBLEM_MEDIA_TYPE]: { schema: ref('Problem'), examples },
    },
  };
}
