/**
 * Why the gateway closes a WebSocket: the codes of RFC 6455 that it sends itself. docs/PROTOCOL.md
 * says of each, and of those that `ws` sends for what is no WebSocket message, whether to connect
 * again.
 */
export const CLOSE_CODES = {
  /** The broker stops: connect again, to any broker. */
  goingAway: 1001,
  /** The memory for messages is used up: connect again after a while. */
  tryAgainLater: 1013,
} as const;
