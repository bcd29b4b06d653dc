import { ApiExtension } from '@nestjs/swagger';
import { ERROR_CODES, type ErrorCode, ProtocolError } from '#protocol';
import { COUNT, OFFSET } from '../dto/schemas.js';
import { PROBLEM_MEDIA_TYPE, problemDocument, statusOf } from '../problem.js';
import { type ExampleObject, type ResponseObject, ref, type Schema } from './openapi-types.js';

/** The errors that an operation may end in; each has its example in the document. */
export function ApiErrors(...codes: ErrorCode[]): MethodDecorator {
  return ApiExtension('x-error-codes', codes);
}

/** Schemas of errors. */
export const PROBLEM_SCHEMAS: Readonly<Record<string, Schema>> = {
  Fault: {
    type: 'object',
    description: 'One fault of a request with its place.',
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
      type: { type: 'string', description: 'Names the code.' },
      title: { type: 'string' },
      status: { type: 'integer', format: 'int32' },
      detail: { type: 'string', description: 'What was wrong, for a person.' },
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
          'Of a write. failed: not applied, never will be; unknown: may be in the log; applied: it is.',
      },
      errors: { type: 'array', items: ref('Fault'), description: 'At most 20 faults.' },
      ...problemMembers(),
    },
  },
};

/** Members that some codes add. */
function problemMembers(): Readonly<Record<string, Schema>> {
  const offset = (description: string): Schema => ({ ...OFFSET, description });
  const count = (description: string): Schema => ({ ...COUNT, description });
  return {
    errorCount: count('Number of faults, where not all are in `errors`.'),
    position: count('Where a text stops being JSON: bytes from its beginning.'),
    line: count('Where a text stops being JSON: the line, from 1.'),
    column: count('Where a text stops being JSON: the column, from 1.'),
    lineBytesMax: offset('Longest line of a stream that is accepted, in bytes.'),
    batchSizeBytes: offset('Size that the record has as a batch of its own.'),
    maxMessageBytes: offset('The config `max.message.bytes` of the topic.'),
    topic: { type: 'string', description: 'The topic that the error is about.' },
    logStartOffset: offset('First offset that may be read.'),
    highWatermark: offset('First offset that is not committed.'),
    divergingOffset: offset('What was read from here on is not in the log any more.'),
    damagedStartOffset: offset('First offset that is damaged.'),
    damagedEndOffset: offset('First offset after those that are damaged.'),
    lostStartOffset: offset('First offset that is missing.'),
    lostEndOffset: offset('First offset after those that are missing.'),
    nextSequence: count('The sequence that the producer must send next.'),
    producerEpoch: count('The current epoch of the producer.'),
  };
}

/** The responses for errors, by status, with an example of each code. */
export function problemResponses(
  codes: readonly ErrorCode[],
  path: string,
  isWrite: boolean,
): Record<string, ResponseObject> {
  const responses: Record<string, ResponseObject> = {};
  for (const status of new Set(codes.map(statusOf))) {
    const ofStatus = codes.filter((code) => statusOf(code) === status);
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
    content: {
      [PROBLEM_MEDIA_TYPE]: { schema: ref('Problem'), examples },
    },
  };
}
