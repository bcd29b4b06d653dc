import { ProtocolError } from '#protocol';
import type { Access } from '../caller.js';

/** The access of a caller without a valid credential, to operations that need none. */
export const NO_ACCESS: Access = {
  caller: {
    principal: 'user:anonymous',
    groups: [],
    isSuperUser: false,
    credential: { kind: 'none' },
    expiresAtMs: null,
  },
  may: () => false,
  mayOnAny: () => false,
  mayOnAll: () => false,
  assertMay: () => {
    throw new ProtocolError('CLUSTER_AUTHORIZATION_FAILED', 'This needs a credential.');
  },
  invalidity: () => undefined,
};
