import { X509Certificate } from 'node:crypto';
import { namesOf } from './certificate-identity.js';
import { DER_TAG, DerError, derChildren, derValues } from './der-value.js';

/** Certificates between a client and an authority; OpenSSL accepts more only if it is asked to. */
const CHAIN_LENGTH_MAX = 10;

/** Files that decide about client certificates, as PEM texts. */
export interface TrustMaterial {
  readonly clientCa: string | undefined;
  readonly clientCrl: string | undefined;
}

/**
 * Decides whether certificates that OpenSSL accepted before are accepted by newer files as well: a
 * connection has its certificate for as long as it lives, although authorities and revocation lists
 * change. New connections are checked by OpenSSL alone.
 */
export class CertificateTrust {
  readonly #authorities: readonly X509Certificate[];
  /** Revoked certificates as `<issuer> <serial>`, both in hexadecimal. */
  readonly #revoked: ReadonlySet<string>;

  constructor({ clientCa, clientCrl }: TrustMaterial) {
    this.#authorities = pemBlocks(clientCa, 'CERTIFICATE').map((der) => new X509Certificate(der));
    this.#revoked = new Set(pemBlocks(clientCrl, 'X509 CRL').flatMap(revokedBy));
  }

  /** True if an authority still vouches for the certificate and nothing revokes it. */
  accepts(certificate: X509Certificate): boolean {
    let link: X509Certificate | undefined = certificate;
    for (let length = 0; length < CHAIN_LENGTH_MAX && link !== undefined; length += 1) {
      if (this.#isRevoked(link)) return false;
      if (this.#authorities.some((authority) => vouches(authority, link))) return true;
      link = link.issuerCertificate;
    }
    return false;
  }

  #isRevoked(certificate: X509Certificate): boolean {
    try {
      const { issuer, serial } = namesOf(certificate);
      return this.#revoked.has(keyOf(issuer.bytes, serial));
    } catch (error) {
      if (error instanceof DerError) return true;
      throw error;
    }
  }
}

function vouches(authority: X509Certificate, certificate: X509Certificate | undefined): boolean {
  if (certificate === undefined) return false;
  if (authority.fingerprint256 === certificate.fingerprint256) return true;
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}

/** Reads a revocation list (RFC 5280, section 5.1); OpenSSL has checked its form. */
function revokedBy(der: Buffer): string[] {
  const [list] = derValues(der);
  const [signed] = derChildren(list, DER_TAG.sequence);
  const fields = derChildren(signed, DER_TAG.sequence);
  if (fields[0]?.tag === DER_TAG.integer) fields.shift();
  const [_algorithm, issuer, ...rest] = fields;
  const entries = rest.find(({ tag }) => tag === DER_TAG.sequence);
  if (issuer === undefined || entries === undefined) return [];
  return derChildren(entries, DER_TAG.sequence).map((entry) => {
    const [serial] = derChildren(entry, DER_TAG.sequence);
    return keyOf(issuer.bytes, serial?.content ?? Buffer.alloc(0));
  });
}

function keyOf(issuer: Buffer, serial: Buffer): string {
  return `${issuer.toString('hex')} ${serial.toString('hex')}`;
}

/** Returns the contents of the blocks of one type. */
function pemBlocks(pem: string | undefined, type: string): Buffer[] {
  const pattern = new RegExp(`-----BEGIN ${type}-----([^-]+)-----END ${type}-----`, 'g');
  return [...(pem ?? '').matchAll(pattern)].map(([, body = '']) => Buffer.from(body, 'base64'));
}
