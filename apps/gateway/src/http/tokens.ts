/** Injection token of the `Broker` port, which is a type and so cannot be one itself. */
export const BROKER = Symbol('Broker');
