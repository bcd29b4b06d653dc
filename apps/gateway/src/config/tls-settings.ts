import { choice, optionalWholeNumber, TIMER_MS_MAX, wholeNumber } from '#settings';
import type { Contradiction } from './cluster-settings.js';
import { pemFile } from './pem-file.js';

/** Settings of TLS on the public listener, and of the listener for health checks beside it. */
export const TLS_SETTINGS = {
  tlsCertFile: pemFile(
    'SLUICE_TLS_CERT_FILE',
    'PEM file of the certificate of the public listener, followed by those of its intermediate authorities. With it and `SLUICE_TLS_KEY_FILE` clients connect with https and wss, TLS 1.2 or later. Every TLS file is read again when it changes.',
  ),
  tlsKeyFile: pemFile(
    'SLUICE_TLS_KEY_FILE',
    'PEM file of the private key of that certificate, without a passphrase.',
  ),
  tlsClientCaFile: pemFile(
    'SLUICE_TLS_CLIENT_CA_FILE',
    'PEM file of the authorities that sign the certificates of clients. A change ends the connections whose certificate is no longer trusted.',
  ),
  tlsClientCrlFile: pemFile(
    'SLUICE_TLS_CLIENT_CRL_FILE',
    'PEM file of the revocation lists of all these authorities. A change ends the connections whose certificate is revoked. An expired list refuses every certificate of its authority.',
  ),
  tlsClientAuth: choice({
    variable: 'SLUICE_TLS_CLIENT_AUTH',
    byDefault: 'none',
    choices: ['none', 'requested', 'required'],
    sentence:
      'Certificates of clients: not asked for, asked for and checked if there is one, or required on every connection.',
  }),
  tlsHandshakeTimeoutMs: wholeNumber({
    variable: 'SLUICE_TLS_HANDSHAKE_TIMEOUT_MS',
    byDefault: 10_000,
    min: 100,
    max: 600_000,
    sentence:
      'Time that a TLS handshake may take from the first byte; after it the connection is closed.',
  }),
  tlsReloadIntervalMs: wholeNumber({
    variable: 'SLUICE_TLS_RELOAD_INTERVAL_MS',
    byDefault: 10_000,
    min: 100,
    max: TIMER_MS_MAX,
    sentence:
      'Interval at which the TLS files are compared with what is in use, for file systems that do not report changes. A file that cannot be used is logged, and what was in use stays.',
  }),
  healthPort: optionalWholeNumber({
    variable: 'SLUICE_HEALTH_PORT',
    defaultNote: 'none',
    min: 0,
    max: 65_535,
    sentence:
      'Port of a plain HTTP listener for `/health/live` and `/health/ready` alone, for balancers that speak no TLS. It binds to SLUICE_HOST. 0 takes a free port.',
  }),
};

/** The settings of TLS with their values. */
export interface TlsValues {
  readonly tlsCertFile: string | undefined;
  readonly tlsKeyFile: string | undefined;
  readonly tlsClientCaFile: string | undefined;
  readonly tlsClientCrlFile: string | undefined;
  readonly tlsClientAuth: 'none' | 'requested' | 'required';
  readonly publicUrl: string | undefined;
}

/** Checks that every file of TLS has the others that it needs. */
export function tlsContradictions(settings: TlsValues): Contradiction[] {
  const { tlsCertFile, tlsKeyFile, tlsClientCaFile, tlsClientCrlFile, tlsClientAuth } = settings;
  const contradictions: Contradiction[] = [];
  const need = (row: { variable: string; accepts: string }, why: string): void => {
    contradictions.push({
      variable: row.variable,
      given: undefined,
      accepts: `${row.accepts}, ${why}`,
    });
  };
  const rows = TLS_SETTINGS;
  const asksForCertificates = tlsClientAuth !== 'none';
  const needsCertificate = tlsKeyFile !== undefined || asksForCertificates;
  if (tlsCertFile === undefined && needsCertificate) {
    const cause = tlsKeyFile === undefined ? rows.tlsClientAuth : rows.tlsKeyFile;
    need(rows.tlsCertFile, `because ${cause.variable} is set`);
  }
  if (tlsCertFile !== undefined && tlsKeyFile === undefined) {
    need(rows.tlsKeyFile, `because ${rows.tlsCertFile.variable} is set`);
  }
  if (asksForCertificates && tlsClientCaFile === undefined) {
    need(rows.tlsClientCaFile, `because ${rows.tlsClientAuth.variable} is "${tlsClientAuth}"`);
  }
  const idle = tlsClientCaFile === undefined ? rows.tlsClientCrlFile : rows.tlsClientCaFile;
  if (!asksForCertificates && (tlsClientCaFile ?? tlsClientCrlFile) !== undefined) {
    contradictions.push({
      variable: rows.tlsClientAuth.variable,
      given: tlsClientAuth,
      accepts: `"requested" or "required", because ${idle.variable} is set`,
    });
  }
  return contradictions;
}
