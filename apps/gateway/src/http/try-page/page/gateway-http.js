// HTTP calls of the page, and the sentences for their errors.

import { credential } from './credential.js';

/** An answer that is a problem document (RFC 9457), of HTTP or of a WebSocket's `error` event. */
export class ProblemError extends Error {
  /** @param problem members of the document; `detail` is the sentence for a person */
  constructor(problem) {
    super(problemText(problem));
    this.problem = problem;
  }
}

/**
 * @returns {Promise<any>} the answer's body
 * @throws ProblemError with the gateway's problem; Error if it does not answer
 */
export async function callApi(path, body) {
  const token = credential();
  const request = {
    headers: {
      'Content-Type': 'application/json',
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    },
  };
  if (body !== undefined) Object.assign(request, { method: 'POST', body: JSON.stringify(body) });
  let response;
  try {
    response = await fetch(path, request);
  } catch {
    throw new Error('The gateway does not answer.');
  }
  const answer = await response.json().catch(() => undefined);
  if (response.ok && answer !== undefined) return answer;
  throw new ProblemError(answer ?? { detail: `The gateway answered ${response.status}.` });
}

/** Returns the members of a problem as sentences. */
export function problemText({ title, detail, code, retriable, outcome, errors }) {
  const sentences = [detail ?? title ?? 'Something went wrong.'];
  for (const fault of errors ?? []) {
    if (!sentences[0].includes(fault.detail)) sentences.push(`${fault.pointer}: ${fault.detail}.`);
  }
  if (outcome === 'unknown') sentences.push('The record may or may not have been written.');
  else if (retriable === true) sentences.push('Trying again later may help.');
  const text = sentences.join(' ');
  return text.charAt(0).toUpperCase() + text.slice(1) + (code === undefined ? '' : ` (${code})`);
}

/** Returns the message of any thrown value. */
export function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}
