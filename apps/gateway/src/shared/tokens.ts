/** Injection token of the `Broker` port, because a type cannot be a token. */
export const BROKER = Symbol('Broker');

/** Injection token of `EdgeSecurity`; the value is undefined while authentication is off. */
export const EDGE_SECURITY = Symbol('EdgeSecurity');
