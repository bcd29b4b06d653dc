/** An address or port is not available: the public one, or the one for other brokers. */
export class CannotListenError extends Error {
  override readonly name = 'CannotListenError';
}
