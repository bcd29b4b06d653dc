import { describe, expect, test } from 'vitest';
import { PeerSecrets } from './peer-secrets.js';
import { type RegistrationOptions, registrationProofs } from './registration-proofs.js';

const OPTIONS: RegistrationOptions = {
  secrets: new PeerSecrets(['the secret']),
  brokerId: 1,
  clusterUuid: 'a cluster',
  dataDirUuid: 'disk 1',
  agreement: 'on',
  isRolling: false,
};

/** Returns the registration of broker 2 as it has these differences. */
function registered(changes: Partial<RegistrationOptions> = {}) {
  const options = { ...OPTIONS, brokerId: 2, dataDirUuid: 'disk 2', ...changes };
  const { security } = registrationProofs(options);
  return { id: 2, dataDirUuid: 'disk 2', security };
}

function faultOf(
  other: ReturnType<typeof registered>,
  changes: Partial<RegistrationOptions> = {},
): string | undefined {
  return registrationProofs({ ...OPTIONS, ...changes }).securityFault(other);
}

describe('the proofs of a registration', () => {
  test('brokers with one secret and the same settings recognise each other', () => {
    expect(faultOf(registered())).toBeUndefined();
  });

  test('a live broker of an earlier version, which proves nothing, is refused', () => {
    const { security: _none, ...other } = registered();
    const fault = registrationProofs(OPTIONS).securityFault(other);
    expect(fault).toMatch(/^Broker 2 .* earlier version.* Stop all brokers/);
  });

  test.each<[string, Partial<RegistrationOptions>]>([
    ['another secret', { secrets: new PeerSecrets(['another']) }],
    ['the proofs of another broker', { brokerId: 3 }],
    ['the proofs of another disk', { dataDirUuid: 'disk 3' }],
    ['the proofs of another cluster', { clusterUuid: 'another cluster' }],
  ])('a broker with %s is a stranger', (_what, changes) => {
    expect(faultOf(registered(changes))).toMatch(/^Broker 2 .* SLUICE_CLUSTER_SECRET/);
  });

  test('a secret is replaced one broker at a time', () => {
    const before = new PeerSecrets(['before']);
    const both = new PeerSecrets(['after', 'before']);
    const after = new PeerSecrets(['after']);
    for (const [mine, others] of [
      [both, before],
      [before, both],
      [both, both],
      [after, both],
      [both, after],
    ] as const) {
      expect(faultOf(registered({ secrets: others }), { secrets: mine })).toBeUndefined();
    }
    expect(faultOf(registered({ secrets: before }), { secrets: after })).toContain('Broker 2');
  });

  test('other settings of security are refused, except while the brokers are restarted', () => {
    const other = registered({ agreement: 'off' });
    expect(faultOf(other)).toMatch(/SLUICE_AUTH and SLUICE_SUPER_USERS must be the same/);
    expect(faultOf(other, { isRolling: true })).toBeUndefined();
  });
});
