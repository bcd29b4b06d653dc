import type { HttpStatus } from './http-series.js';
import type { StatusSeries } from './status-series.js';

/** State of the TLS files of the public listener. */
export interface TlsStatus {
  readonly reloads: number;
  readonly failures: number;
  /** End of the certificate's validity, in ms since the epoch. */
  readonly expiresAtMs: number;
}

/** Series of the TLS files; absent without TLS. */
export const TLS_FILE_SERIES: readonly StatusSeries<TlsStatus>[] = [
  {
    name: 'sluice_tls_reloads_total',
    type: 'counter',
    help: 'Times that changed TLS files were put in use.',
    read: (s) => s.reloads,
  },
  {
    name: 'sluice_tls_reload_failures_total',
    type: 'counter',
    help: 'Times that changed TLS files could not be used; the earlier ones stay in use.',
    read: (s) => s.failures,
  },
  {
    name: 'sluice_tls_certificate_expires_timestamp_seconds',
    type: 'gauge',
    help: 'End of the validity of the certificate of the public listener, in seconds since the epoch.',
    read: (s) => s.expiresAtMs / 1000,
  },
];

/** Series of the connections to the TLS listener. */
export const TLS_CONNECTION_SERIES: readonly StatusSeries<HttpStatus>[] = [
  {
    name: 'sluice_tls_handshakes_late_total',
    type: 'counter',
    help: 'Connections closed because the TLS handshake took longer than SLUICE_TLS_HANDSHAKE_TIMEOUT_MS.',
    read: (s) => s.events.handshakeLate,
  },
  {
    name: 'sluice_tls_handshakes_failed_total',
    type: 'counter',
    help: 'TLS handshakes that failed.',
    read: (s) => s.events.handshakeFailed,
  },
  {
    name: 'sluice_tls_plain_refused_total',
    type: 'counter',
    help: 'Connections refused because they sent plain HTTP to the TLS listener.',
    read: (s) => s.events.plainRefused,
  },
  {
    name: 'sluice_tls_certificates_refused_total',
    type: 'counter',
    help: 'Connections whose client certificate is missing or not accepted.',
    read: (s) => s.events.certificateRefused,
  },
  {
    name: 'sluice_tls_certificates_ended_total',
    type: 'counter',
    help: 'Connections closed because new TLS files no longer accept their client certificate.',
    read: (s) => s.events.certificateEnded,
  },
];
