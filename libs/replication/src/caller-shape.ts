import {
  anyOf,
  choice,
  flag,
  list,
  type MessageShape,
  nullable,
  object,
  text,
  wholeNumber,
} from './message-shape.js';

/** Names of principals and groups; those of tokens and certificates are shorter. */
const name = text(1, 4096);
const hash = text(1, 100);

/** The caller of a request as brokers name it to each other: `Caller` of libs/security. */
export const callerShape: MessageShape = object({
  principal: name,
  groups: list(name),
  isSuperUser: flag,
  credential: object(
    { kind: choice('none', 'key', 'bootstrap-key', 'token', 'certificate') },
    { id: text(1, 255), secretHash: hash, fingerprint: hash, issuerKey: hash },
  ),
  expiresAtMs: nullable(wholeNumber(0, Number.MAX_SAFE_INTEGER)),
});

/**
 * Requester of a call: the broker that calls, or one of its clients. Absent while authentication is
 * off.
 */
export const requesterShape: MessageShape = anyOf(choice('broker'), callerShape);
