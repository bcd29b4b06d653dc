import type { CoordinationStore } from '#coordination';

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

function aliveEpochs({ state }: Pick<CoordinationStore, 'state'>): ReadonlySet<number> {
  const brokers = [...state.brokers.values()].filter(({ alive }) => alive);
  return new Set(brokers.map(({ brokerEpoch }) => brokerEpoch));
}
