import type { SecurityChange } from './security-change.js';

/** The name of one commit of the security metadata. */
export interface SecurityPosition {
  /** Number of the commit; 0 before the first. */
  readonly version: number;
  /** Random id; distinguishes it from a commit of the same number in another history. */
  readonly changeId: string;
}

/** The position of a state without any commit. */
export const NO_COMMIT: SecurityPosition = { version: 0, changeId: '' };

/** One commit: changes that take effect together. */
export interface SecurityCommit extends SecurityPosition {
  readonly previousChangeId: string;
  readonly changes: readonly SecurityChange[];
}
