/** Injection token of the `Broker` port, because a type cannot be a token. */
export const BROKER = Symbol('Broker');
