import { ProtocolError } from '#protocol';
import {
  AccessRules,
  ApiKeys,
  type ApiKeysOptions,
  type ApiKeysPorts,
  PrincipalQuotas,
  type SecurityMetadata,
} from '#security';

/** The parts that administer keys, rules and quotas; absent while authentication is off. */
export class SecurityAdministration {
  readonly #parts: AdministrationParts | undefined;

  private constructor(parts: AdministrationParts | undefined) {
    this.#parts = parts;
  }

  static of(
    metadata: SecurityMetadata,
    ports: ApiKeysPorts,
    options: ApiKeysOptions,
  ): SecurityAdministration {
    return new SecurityAdministration({
      keys: new ApiKeys(metadata, ports, options),
      rules: new AccessRules(metadata),
      quotas: new PrincipalQuotas(metadata),
    });
  }

  /** Refuses everything, so that nobody creates keys while authentication is off. */
  static off(): SecurityAdministration {
    return new SecurityAdministration(undefined);
  }

  get isOn(): boolean {
    return this.#parts !== undefined;
  }

  /** @throws ProtocolError SECURITY_DISABLED while authentication is off */
  get keys(): ApiKeys {
    return this.#on.keys;
  }

  /** @throws ProtocolError SECURITY_DISABLED while authentication is off */
  get rules(): AccessRules {
    return this.#on.rules;
  }

  /** @throws ProtocolError SECURITY_DISABLED while authentication is off */
  get quotas(): PrincipalQuotas {
    return this.#on.quotas;
  }

  get #on(): AdministrationParts {
    if (this.#parts !== undefined) return this.#parts;
    throw new ProtocolError(
      'SECURITY_DISABLED',
      'Authentication is off (SLUICE_AUTH), so that there are no keys, rules and quotas.',
    );
  }
}

interface AdministrationParts {
  readonly keys: ApiKeys;
  readonly rules: AccessRules;
  readonly quotas: PrincipalQuotas;
}
