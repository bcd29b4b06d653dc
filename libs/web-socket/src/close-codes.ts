/**
 * Codes of RFC 6455 with which the gateway closes a WebSocket. docs/PROTOCOL.md says for each of
 * them, and for those that `ws` sends after malformed messages, whether to reconnect.
 */
export const CLOSE_CODES = {
  /** The broker stops: reconnect, to any broker. */
  goingAway: 1001,
  /** The memory for messages is used up: reconnect after a while. */
  tryAgainLater: 1013,
} as const;
