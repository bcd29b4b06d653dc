import type { X509Certificate } from 'node:crypto';
import { assert } from '#runtime';
import { DER_TAG, DerError, type DerValue, derChildren, derValues } from './der-value.js';
import { distinguishedName } from './distinguished-name.js';

/** Longest distinguished name of a principal, in characters. */
const NAME_LENGTH_MAX = 512;
/** Names with a meaning of their own in rules. */
const RESERVED_NAMES: readonly string[] = ['anonymous', '*'];

/** The caller that a client certificate stands for. */
export interface CertificateIdentity {
  /** `cert:<distinguished name>`. */
  readonly principal: string;
  /** SHA-256 of the certificate, in hexadecimal. */
  readonly fingerprint: string;
  /** End of its validity, in ms since the epoch. */
  readonly expiresAtMs: number;
}

/**
 * Identifies the client of a certificate that OpenSSL has accepted.
 * @returns undefined if its name cannot be a principal: it is empty, too long, reserved, or its
 *   text could be mistaken for another name
 */
export function certificateIdentity(certificate: X509Certificate): CertificateIdentity | undefined {
  const name = subjectOf(certificate);
  const expiresAtMs = Date.parse(certificate.validTo);
  if (name === undefined || Number.isNaN(expiresAtMs)) return undefined;
  return {
    principal: `cert:${name}`,
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    expiresAtMs,
  };
}

function subjectOf(certificate: X509Certificate): string | undefined {
  try {
    const { text, values } = distinguishedName(namesOf(certificate).subject);
    if (text === '' || text.length > NAME_LENGTH_MAX) return undefined;
    return values.some((value) => RESERVED_NAMES.includes(value)) ? undefined : text;
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
}

/** The parts of a certificate that identify it. */
export interface CertificateNames {
  readonly serial: Buffer;
  readonly issuer: DerValue;
  readonly subject: DerValue;
}

/** Reads the names in a certificate (RFC 5280, section 4.1). @throws DerError */
export function namesOf({ raw }: X509Certificate): CertificateNames {
  const [certificate] = derValues(raw);
  const [signed] = derChildren(certificate, DER_TAG.sequence);
  const fields = derChildren(signed, DER_TAG.sequence);
  if (fields[0]?.tag === DER_TAG.version) fields.shift();
  const [serial, _algorithm, issuer, _validity, subject] = fields;
  assert(serial?.tag === DER_TAG.integer, 'a certificate that OpenSSL reads has a serial number');
  assert(
    issuer !== undefined && subject !== undefined,
    'a certificate that OpenSSL reads has two names',
  );
  return { serial: serial.content, issuer, subject };
}
