import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CertificateAuthority } from '#runtime/testing';
import { certificateIdentity } from './certificate-identity.js';
import { CertificateTrust } from './certificate-trust.js';

let folder: string;
let ours: CertificateAuthority;
let issued = 0;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-names-'));
  ours = new CertificateAuthority(join(folder, 'ours'), 'ours');
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

function issue(subject: string) {
  issued += 1;
  return ours.issue(`name-${issued}`, subject);
}

function principalOf(subject: string): string | undefined {
  return certificateIdentity(new X509Certificate(issue(subject).cert))?.principal;
}

describe('the principal of a certificate', () => {
  test.each([
    ['/CN=alice', 'cert:CN=alice'],
    ['/C=DE/O=Example/OU=ops/CN=alice', 'cert:CN=alice,OU=ops,O=Example,C=DE'],
    ['/CN=alice,O=Example', 'cert:CN=alice\\,O=Example'],
    ['/CN=a;b<c>"d', 'cert:CN=a\\;b\\<c\\>\\"d'],
    ['/CN=#1', 'cert:CN=\\#1'],
    ['/CN=Zoë', 'cert:CN=Zoë'],
    ['/O=Example/CN=alice+UID=7', 'cert:CN=alice+UID=7,O=Example'],
  ])('%s is %s', (subject, principal) => {
    expect(principalOf(subject)).toBe(principal);
  });

  test('separators and the same characters in a value make different principals', () => {
    expect(principalOf('/O=b/CN=a')).not.toBe(principalOf('/CN=a,O=b'));
    expect(principalOf('/CN=a+UID=b')).not.toBe(principalOf('/CN=a\\+UID=b'));
  });

  test.each(['/CN=anonymous', '/CN=*', '/O=Example/CN=anonymous', '/CN=a\u0007b'])(
    '%j is not a principal',
    (subject) => {
      expect(principalOf(subject)).toBeUndefined();
    },
  );

  test('it is the text that openssl shows', () => {
    const { certFile, cert } = issue('/C=DE/O=Example, Inc./CN=alice');
    const options = ['-noout', '-subject', '-nameopt', 'RFC2253', '-in', certFile];
    const shown = execFileSync('openssl', ['x509', ...options], { encoding: 'utf8' });
    const identity = certificateIdentity(new X509Certificate(cert));
    expect(`subject=${identity?.principal.slice('cert:'.length)}`).toBe(shown.trim());
    expect(identity?.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(identity?.expiresAtMs).toBeGreaterThan(Date.now());
  });
});

/**
 * The same certificate with a length that only the end of the value tells (BER): OpenSSL reads it.
 * The outer and the inner sequence of a certificate have lengths of two bytes.
 */
function withIndefiniteLength({ raw }: X509Certificate): X509Certificate {
  const innerStart = 8;
  const innerEnd = innerStart + raw.readUInt16BE(innerStart - 2);
  const inner = raw.subarray(innerStart, innerEnd);
  const content = [Buffer.of(0x30, 0x80), inner, Buffer.of(0, 0), raw.subarray(innerEnd)];
  const body = Buffer.concat(content);
  const beginning = Buffer.from([0x30, 0x82, 0, 0]);
  beginning.writeUInt16BE(body.length, 2);
  return new X509Certificate(Buffer.concat([beginning, body]));
}

describe('a certificate whose names cannot be read for sure', () => {
  test('it stands for nobody, and open connections with it are not trusted', () => {
    const certificate = new X509Certificate(issue('/CN=alice').cert);
    const unsure = withIndefiniteLength(certificate);
    expect(unsure.subject).toBe(certificate.subject);
    expect(certificateIdentity(unsure)).toBeUndefined();
    // An authority vouches for itself.
    const clientCa = certificate.toString() + unsure.toString();
    const trust = new CertificateTrust({ clientCa, clientCrl: undefined });
    expect(trust.accepts(certificate)).toBe(true);
    expect(trust.accepts(unsure)).toBe(false);
  });
});

describe('certificates of open connections', () => {
  test('they are trusted until their authority is gone or they are revoked', () => {
    const alice = issue('/CN=alice');
    const bob = issue('/CN=bob');
    const trusts = (clientCa: string, clientCrl?: string) => {
      const trust = new CertificateTrust({ clientCa, clientCrl });
      return [alice, bob].map(({ cert }) => trust.accepts(new X509Certificate(cert)));
    };
    expect(trusts(ours.ca)).toEqual([true, true]);
    expect(trusts(ours.ca, ours.revocationList())).toEqual([true, true]);
    ours.revoke(alice);
    expect(trusts(ours.ca, ours.revocationList())).toEqual([false, true]);
    const theirs = new CertificateAuthority(join(folder, 'theirs'), 'ours');
    expect(trusts(theirs.ca)).toEqual([false, false]);
    expect(trusts(theirs.ca + ours.ca)).toEqual([true, true]);
  });
});
