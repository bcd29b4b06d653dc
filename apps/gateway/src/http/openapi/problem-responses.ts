import { ApiExtension } from '@nestjs/swagger';
import { ERROR_CODES, type ErrorCode, ProtocolError } from '#protocol';
import { PROBLEM_MEDIA_TYPE, problemDocument, statusOf } from '../problem.js';
import type { ExampleObject, ResponseObject, Schema } from './openapi-types.js';

/** The errors that an operation may end in; each has its example in the document. */
export function ApiErrors(...codes: ErrorCode[]): MethodDecorator {
  return ApiExtension('x-error-codes', codes);
}

export const PROBLEM_SCHEMA: Schema = {
  type: 'object',
  description: 'An error, RFC 9457. Some codes add members of their own.',
  required: ['type', 'title', 'status', 'detail', 'instance', 'code', 'retriable'],
  properties: {
    type: { type: 'string', description: 'Names the code.' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'What was wrong, for a person.' },
    instance: { type: 'string', description: 'Path of the request.' },
    code: { type: 'string', enum: Object.keys(ERROR_CODES), description: "Kafka's error name." },
    retriable: { type: 'boolean', description: 'The same request may succeed later.' },
    outcome: {
      type: 'string',
      enum: ['failed', 'unknown', 'applied'],
      description:
        'Of a write. failed: not applied, never will be; unknown: may be in the log; applied: it is.',
    },
    errors: {
      type: 'array',
      description: 'Each fault with its place.',
      items: {
        type: 'object',
        required: ['pointer', 'detail'],
        properties: {
          pointer: {
            type: 'string',
            description: 'RFC 6901 into the body, or ?name of the query.',
          },
          detail: { type: 'string' },
        },
      },
    },
  },
};

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
  const retryAfter = { description: 'Seconds.', schema: { type: 'integer', minimum: 1 } };
  return {
    description: codes.map((code) => `\`${code}\`: ${ERROR_CODES[code].sentence}`).join(' '),
    ...(hasRetryAfter ? { headers: { 'Retry-After': retryAfter } } : {}),
    content: {
      [PROBLEM_MEDIA_TYPE]: { schema: { $ref: '#/components/schemas/Problem' }, examples },
    },
  };
}
