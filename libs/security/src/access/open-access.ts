import type { Access } from '../caller.js';

/** The access of every caller while authentication is off: everything is allowed. */
export const OPEN_ACCESS: Access = {
  caller: {
    principal: 'user:anonymous',
    groups: [],
    isSuperUser: true,
    credential: { kind: 'none' },
    expiresAtMs: null,
  },
  may: () => true,
  mayOnAny: () => true,
  mayOnAll: () => true,
  assertMay: () => undefined,
  invalidity: () => undefined,
};
