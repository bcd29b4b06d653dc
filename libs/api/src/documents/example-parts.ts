import { type ErrorCode, type Fault, ProtocolError } from '#protocol';
import { PROBLEM_MEDIA_TYPE, problemDocument, statusOf } from '../problem/problem.js';
import type { ApiExample } from './api-example.js';

/** The id of the topic in the examples. */
export const EXAMPLE_TOPIC_ID = '0b8f6f0c-6a52-4c3a-9d0e-5f2f3c0a7f11';
/** The first digits of that id, which the ids of events have. */
export const EXAMPLE_TOPIC_DIGITS = EXAMPLE_TOPIC_ID.slice(0, 8);

type Answer = ApiExample['response'];

/** Returns a JSON body of a request or an answer. */
export function json(value: unknown): { contentType: string; value: unknown } {
  return { contentType: 'application/json', value };
}

/** Returns a JSON answer. */
export function answers(status: number, value: unknown): Answer {
  return { status, body: json(value) };
}

export interface ProblemParts {
  readonly code: ErrorCode;
  readonly detail: string;
  /** Path of the request. */
  readonly instance: string;
  readonly isWrite?: boolean;
  readonly faults?: readonly Fault[];
  readonly members?: Readonly<Record<string, string | number | boolean | null>>;
}

/** Returns an error answer, built the same way as the gateway builds it. */
export function problem({
  code,
  detail,
  instance,
  isWrite,
  faults,
  members,
}: ProblemParts): Answer {
  const error = new ProtocolError(code, detail, { faults: faults ?? [], members: members ?? {} });
  const value = problemDocument(error, instance, { isWrite: isWrite ?? false });
  return { status: statusOf(code), body: { contentType: PROBLEM_MEDIA_TYPE, value } };
}
