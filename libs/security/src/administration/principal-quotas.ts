import { ProtocolError } from '#protocol';
import type { Quota } from '../metadata/security-change.js';
import type { SecurityMetadata } from '../metadata/security-metadata.js';

const PRINCIPAL_PATTERN = /^(default|(user|key|cert):[^\p{Cc}*][^\p{Cc}]*)$/u;

/**
 * Shows and sets the quotas of principals; `default` is for those without one of their own.
 *
 * Overlap: everything may overlap; the metadata decides the order.
 */
export class PrincipalQuotas {
  readonly #metadata: SecurityMetadata;

  constructor(metadata: SecurityMetadata) {
    this.#metadata = metadata;
  }

  /**
   * Returns the limits that apply to a principal; an empty object for none.
   * @throws ProtocolError INVALID_REQUEST if it is not a principal
   */
  of(principal: string): Quota {
    assertPrincipal(principal);
    return this.#metadata.view.quotaOf(principal) ?? {};
  }

  /**
   * @param quota null removes the quota
   * @throws ProtocolError INVALID_REQUEST if it is not a principal; POLICY_VIOLATION
   */
  async set(principal: string, quota: Quota | null): Promise<void> {
    assertPrincipal(principal);
    await this.#metadata.update(() => [{ kind: 'quota', principal, quota }]);
  }
}

function assertPrincipal(principal: string): void {
  if (PRINCIPAL_PATTERN.test(principal)) return;
  throw new ProtocolError(
    'INVALID_REQUEST',
    `${JSON.stringify(principal)} is not a principal; accepted: default, user:<name>, key:<id>, cert:<distinguished name>.`,
  );
}
