import type { X509Certificate } from 'node:crypto';
import type { ProtocolError } from '#protocol';
import type { CertificateIdentity, RevocableAccess } from '#security';

/** Certificates and key of the listener, as PEM texts. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  /** Authorities of the certificates of clients; required when they are asked for. */
  readonly clientCa: string | undefined;
  readonly clientCrl: string | undefined;
}

/** The settings of TLS that never change while the process runs. */
export interface TlsOptions {
  readonly tlsClientAuth: 'none' | 'requested' | 'required';
  /** Time from the first byte to the end of the handshake. */
  readonly tlsHandshakeTimeoutMs: number;
}

/** A certificate that OpenSSL accepts, and that names a caller. */
export interface AcceptedCertificate {
  readonly kind: 'accepted';
  readonly certificate: X509Certificate;
  readonly identity: CertificateIdentity;
  /** Permissions of the caller; undefined before the first request. */
  access?: RevocableAccess;
}

/** The certificate of a client, or the reason why the connection has none that counts. */
export type ClientCertificate =
  | { readonly kind: 'none' }
  | AcceptedCertificate
  /** A certificate is required and missing, or OpenSSL does not accept it. */
  | { readonly kind: 'refused'; readonly error: ProtocolError };
