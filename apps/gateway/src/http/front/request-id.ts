import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Tells this process's requests from those of another run or broker. */
const PROCESS_PART = randomBytes(4).toString('hex');
const GIVEN_ID = /^[\w.:-]{1,128}$/;

const idsByRequest = new WeakMap<IncomingMessage, string>();
let lastNumber = 0;

/**
 * The request's id, for log lines and problem answers: the client's own `X-Request-Id` where it is
 * a plain word, else a number of ours. It is made when it is first asked for: most requests need
 * none.
 */
export function requestIdOf(request: IncomingMessage): string {
  const known = idsByRequest.get(request);
  if (known !== undefined) return known;
  const given = request.headers['x-request-id'];
  lastNumber += 1;
  const id =
    typeof given === 'string' && GIVEN_ID.test(given)
      ? given
      : `${PROCESS_PART}-${lastNumber.toString(36)}`;
  idsByRequest.set(request, id);
  return id;
}
