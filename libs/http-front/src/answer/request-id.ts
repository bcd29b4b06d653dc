import type { IncomingMessage } from 'node:http';
import { SystemRandom } from '#runtime';

/** Distinguishes this process's requests from those of another run or broker. */
const PROCESS_PART = new SystemRandom().uuid().slice(0, 8);
const GIVEN_ID = /^[\w.:-]{1,128}$/;

const idsByRequest = new WeakMap<IncomingMessage, string>();
let lastNumber = 0;

/**
 * Returns the request's id, for log lines and problems: the client's own `X-Request-Id` if it is a
 * plain word, else a generated number. It is created on first use, because most requests need none.
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
