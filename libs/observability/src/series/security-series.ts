import type { SecurityStatus } from '#security';
import type { StatusSeries } from './status-series.js';

/** Series of keys, rules and quotas; absent while authentication is off. */
export const SECURITY_SERIES: readonly StatusSeries<SecurityStatus>[] = [
  {
    name: 'sluice_security_api_keys',
    type: 'gauge',
    help: 'API keys of the cluster, at most SLUICE_API_KEYS_MAX.',
    read: (s) => s.keys,
  },
  {
    name: 'sluice_security_acls',
    type: 'gauge',
    help: 'Access control rules of the cluster, at most SLUICE_ACLS_MAX.',
    read: (s) => s.acls,
  },
  {
    name: 'sluice_security_quotas',
    type: 'gauge',
    help: 'Principals with a quota of their own, at most SLUICE_QUOTAS_MAX.',
    read: (s) => s.quotas,
  },
  {
    name: 'sluice_security_revocations',
    type: 'gauge',
    help: 'Keys, and secrets of keys, that are revoked.',
    read: (s) => s.revocations,
  },
  {
    name: 'sluice_security_journal_bytes',
    type: 'gauge',
    help: 'Size of the journal of keys, rules and quotas on the disk of this broker.',
    read: (s) => s.journalBytes,
  },
  {
    name: 'sluice_security_forgeries_total',
    type: 'counter',
    help: 'Reads that found security metadata in Redis without the signature of a broker.',
    read: (s) => s.forgeries,
  },
];
