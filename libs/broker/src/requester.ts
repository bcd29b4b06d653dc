import type { Caller } from '#security';

/**
 * Requester: a client, or a broker that calls for itself, as for a stream that many clients share.
 * Undefined while authentication is off. The leader of another broker refuses a request that has
 * none, so that no request of a client passes as one of a broker.
 */
export type Requester = Caller | 'broker';
