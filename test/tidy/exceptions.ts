import type { RULES } from './rules.js';

/** A file or a folder that breaks a rule on purpose. */
export interface Exception {
  readonly rule: keyof typeof RULES;
  /** Path of the file, or of a folder with a slash at its end. */
  readonly path: string;
  readonly reason: string;
}

/** The only places that may break a rule. An entry that is no longer needed fails the test. */
export const EXCEPTIONS: readonly Exception[] = [];
