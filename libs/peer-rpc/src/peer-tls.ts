/**
 * PEM texts for TLS between brokers: each broker presents a certificate of the cluster's own
 * authority, as caller and as listener.
 */
export interface PeerTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}
