import type { ClusterState, CoordinationStore } from '#coordination';

/** Calls back with the broker epoch of each process that has ended or whose lease has expired. */
export function onProcessEnded(
  store: Pick<CoordinationStore, 'state' | 'onChange'>,
  ended: (brokerEpoch: number) => void,
): void {
  let alive = aliveEpochs(store);
  store.onChange(({ kind }) => {
    if (kind !== 'broker' && kind !== 'broker-removed') return;
    const now = aliveEpochs(store);
    const before = alive;
    alive = now;
    for (const brokerEpoch of before) if (!now.has(brokerEpoch)) ended(brokerEpoch);
  });
}

/**
 * True when the process of a broker epoch has ended or its lease has expired. A process that
 * registered after the newest known change counts as alive.
 */
export function hasProcessEnded({ version, brokers }: ClusterState, brokerEpoch: number): boolean {
  if (brokerEpoch > version) return false;
  for (const broker of brokers.values()) {
    if (broker.alive && broker.brokerEpoch === brokerEpoch) return false;
  }
  return true;
}

function aliveEpochs({ state }: Pick<CoordinationStore, 'state'>): ReadonlySet<number> {
  const brokers = [...state.brokers.values()].filter(({ alive }) => alive);
  return new Set(brokers.map(({ brokerEpoch }) => brokerEpoch));
}
