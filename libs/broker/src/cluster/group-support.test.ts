import { describe, expect, it } from 'vitest';
import type { BrokerRegistration } from '#coordination';
import { assertAllSupportGroups } from './group-support.js';

describe('calls of groups', () => {
  it('are accepted while all alive brokers know members', () => {
    assertAllSupportGroups(stateOf({ featureLevel: 1 }, { featureLevel: 2 }, { alive: false }));
  });

  it.each([{}, { featureLevel: 0 }])(
    'are refused while a broker of an earlier version runs: %j',
    (earlier) => {
      const refused = () => assertAllSupportGroups(stateOf({ featureLevel: 1 }, earlier));
      expect(refused).toThrow(/Broker 1 runs an earlier version/);
    },
  );
});

function stateOf(...brokers: readonly Partial<BrokerRegistration>[]) {
  const registrations = brokers.map((fields, id) => ({ ...REGISTRATION, id, ...fields }));
  return { brokers: new Map(registrations.map((broker) => [broker.id, broker])) };
}

const REGISTRATION: BrokerRegistration = {
  id: 0,
  url: null,
  clusterUrl: null,
  rack: null,
  brokerEpoch: 1,
  dataDirUuid: 'disk',
  alive: true,
};
