/** Decides about the requests that other brokers forward, before their handlers are called. */
import { ProtocolError } from '#protocol';
import type { PeerHandler, PeerHandlers, PeerMessage, PeerMethod } from '#replication';
import type { Access, Caller, ForwardedCallers, Need } from '#security';
import type { Requester } from '../requester.js';
import { PEER_NEEDS } from './peer-needs.js';

/** The requesters of a message: absent in calls that brokers make for themselves alone. */
interface RequestBody {
  readonly caller?: Requester;
}

/**
 * Handlers that are called once this broker has permitted the request. The appends of a produce
 * call are decided one by one; see `assertMayAppend`.
 * @param callers undefined while authentication is off: everything is permitted then
 */
export function permittedPeerHandlers(
  handlers: PeerHandlers,
  callers: ForwardedCallers | undefined,
): PeerHandlers {
  if (callers === undefined) return handlers;
  const permitted: Partial<Record<PeerMethod, PeerHandler>> = {};
  for (const [name, handler] of Object.entries(handlers)) {
    const method = name as PeerMethod;
    const needsOf = PEER_NEEDS[method];
    permitted[method] =
      typeof needsOf === 'string'
        ? handler
        : async (message, context) => {
            const { body } = message;
            const { caller } = body as RequestBody;
            if (caller === 'broker') return handler(message, context);
            const needs = needsOf(body as Parameters<typeof needsOf>[0]);
            const access = await assertMay(callers, caller, needs);
            return handler(requestOf(message, access), context);
          };
  }
  return permitted;
}

/**
 * Checks the requesters of one append.
 * @throws ProtocolError of `ForwardedCallers.assertMay`
 */
export async function assertMayAppend(
  callers: ForwardedCallers,
  topic: string,
  requesters: readonly (Requester | undefined)[] = [undefined],
): Promise<void> {
  const needs: readonly Need[] = [{ operation: 'Write', resource: { type: 'topic', name: topic } }];
  for (const requester of requesters) {
    if (requester !== 'broker') await assertMay(callers, requester, needs);
  }
}

function assertMay(
  callers: ForwardedCallers,
  caller: Caller | undefined,
  needs: readonly Need[],
): Access | Promise<Access> {
  if (caller !== undefined) return callers.assertMay(caller, needs);
  throw new ProtocolError(
    'CLUSTER_AUTHORIZATION_FAILED',
    'The request was forwarded without its caller.',
  );
}

/** Handlers see the caller as this broker knows it. */
function requestOf(message: PeerMessage, { caller }: Access): PeerMessage {
  const body = message.body as { readonly caller: Caller };
  if (body.caller.isSuperUser === caller.isSuperUser) return message;
  return { ...message, body: { ...body, caller } };
}
