/** Errors of the calls to a registry (registry/registry.ts). */

/** The registry gave no answer. */
export class RegistryAwayError extends Error {
  override readonly name = 'RegistryAwayError';

  /** @param wasSent true when the call may have been executed */
  constructor(
    readonly wasSent: boolean,
    cause: unknown,
  ) {
    super(wasSent ? 'Redis gave no answer' : 'Redis is away', { cause });
  }
}

/** The registry answered with an error and executed nothing. */
export class RegistryRefusedError extends Error {
  override readonly name = 'RegistryRefusedError';
}

/** The registry lacks values that belong together: some were removed or never written. */
export class IncompleteRegistryError extends Error {
  override readonly name = 'IncompleteRegistryError';
}
