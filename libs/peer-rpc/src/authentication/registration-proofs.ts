import type { PeerSecrets } from './peer-secrets.js';

/** The part of a broker's registration that it proves its secret with. */
export interface ProvenRegistration {
  readonly id: number;
  readonly dataDirUuid: string;
  readonly security?: { readonly proofs: string; readonly agreement: string };
}

/** Identity and settings of a broker that registers. */
export interface RegistrationOptions {
  readonly secrets: PeerSecrets;
  readonly brokerId: number;
  readonly clusterUuid: string;
  readonly dataDirUuid: string;
  /** Digest of the settings of security that all brokers must share. */
  readonly agreement: string;
  /** True while the brokers are restarted one by one with other settings of security. */
  readonly isRolling: boolean;
}

/**
 * Returns what a registration needs so that brokers with another secret, or with other settings of
 * security, refuse each other before either is given replicas. The proofs are bound to the cluster,
 * the broker and its data directory, so that nobody can copy them into another registration.
 */
export function registrationProofs(options: RegistrationOptions): {
  readonly security: { readonly proofs: string; readonly agreement: string };
  readonly securityFault: (other: ProvenRegistration) => string | undefined;
} {
  const { secrets, clusterUuid, agreement, isRolling } = options;
  const statement = (id: number, dataDirUuid: string) =>
    ['registration', clusterUuid, id, dataDirUuid] as const;
  const proofs = secrets.proofs(statement(options.brokerId, options.dataDirUuid));
  return {
    security: { proofs, agreement },
    securityFault: ({ id, dataDirUuid, security }) => {
      if (security === undefined) {
        return (
          `Broker ${id} of this cluster is alive and runs an earlier version, which does not seal its ` +
          'calls: the two refuse each other. Stop all brokers of the cluster, then start all with this version.'
        );
      }
      if (secrets.provenBy(statement(id, dataDirUuid), security.proofs) === undefined) {
        return (
          `Broker ${id} of this cluster is alive and has another secret: SLUICE_CLUSTER_SECRET must be the same ` +
          'for all brokers. To replace it, set SLUICE_CLUSTER_SECRET_PREVIOUS to the one before.'
        );
      }
      if (isRolling || security.agreement === agreement) return undefined;
      return (
        `Broker ${id} of this cluster is alive and has other settings of security: SLUICE_AUTH and ` +
        'SLUICE_SUPER_USERS must be the same for all brokers. To change them one broker at a time, ' +
        'set SLUICE_AUTH_ROLLING=true until all have been restarted.'
      );
    },
  };
}
