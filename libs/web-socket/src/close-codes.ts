/**
 * Codes of RFC 6455 with which the gateway closes a WebSocket. docs/PROTOCOL.md says for each of
 * them, and for those that `ws` sends after malformed messages, whether to reconnect.
 */
export const CLOSE_CODES = {
  /** The broker stops: reconnect, to any broker. */
  goingAway: 1001,
  /**
   * The memory for messages is used up, or this broker cannot know whether the credential was
   * revoked: reconnect after a while, to any broker.
   */
  tryAgainLater: 1013,
  /** The credential is missing, or has expired: reconnect with another one. */
  unauthenticated: 4401,
  /** The credential was revoked: do not reconnect with it. */
  revoked: 4403,
} as const;

/** Code that stands for a close frame without a code. */
export const NO_STATUS = 1005;

/** Codes that end a connection for good: members of groups leave at once. */
export const ORDERLY_CODES: ReadonlySet<number> = new Set([
  1000,
  CLOSE_CODES.goingAway,
  CLOSE_CODES.unauthenticated,
  CLOSE_CODES.revoked,
  NO_STATUS,
]);
