import { expect, it } from 'vitest';
import type { ClusterState } from '#coordination';
import { hasProcessEnded } from './ended-processes.js';

it.each([
  ['is alive', 7, false],
  ['was replaced by a later one', 6, true],
  ['has lost its lease', 8, true],
  ['registered after the newest known change', 10, false],
])('a process that %s', (_, brokerEpoch, isEnded) => {
  const registration = { url: null, clusterUrl: null, rack: null, dataDirUuid: 'disk' };
  const brokers: ClusterState['brokers'] = new Map([
    [0, { ...registration, id: 0, brokerEpoch: 7, alive: true }],
    [1, { ...registration, id: 1, brokerEpoch: 8, alive: false }],
  ]);
  const state = { version: 9, brokers } as ClusterState;
  expect(hasProcessEnded(state, brokerEpoch)).toBe(isEnded);
});
