import { describe, expect, it } from 'vitest';
import type { ClusterState, MetadataListener } from '#coordination';
import { type Peers, PeerUnreachableError } from '#replication';
import { FakeClock, FakeScheduler } from '#runtime/testing';
import { metadataHandlers, metadataPeers } from './metadata-calls.js';

const registration = { url: null, clusterUrl: null, rack: null, dataDirUuid: 'disk' };

function stateAt(version: number): ClusterState {
  const brokers: ClusterState['brokers'] = new Map(
    [1, 2, 3, 4].map((id) => [id, { ...registration, id, brokerEpoch: id, alive: id !== 4 }]),
  );
  return { version, brokers } as ClusterState;
}

describe('the broker that changed the metadata', () => {
  it('asks the other live brokers for that version', async () => {
    const asked: unknown[] = [];
    const peers: Peers = {
      call: (brokerId, method, { body }) => {
        asked.push([brokerId, method, body]);
        return Promise.resolve({ body: {}, blobs: [] });
      },
    };
    await metadataPeers(peers, { state: stateAt(7) }, 1)(7);
    expect(asked).toEqual([
      [2, 'apply-metadata', { version: 7 }],
      [3, 'apply-metadata', { version: 7 }],
    ]);
  });

  it('goes on when one of them does not answer', async () => {
    const peers: Peers = {
      call: (brokerId) =>
        brokerId === 2
          ? Promise.reject(new PeerUnreachableError(2, false, undefined))
          : Promise.resolve({ body: {}, blobs: [] }),
    };
    await expect(metadataPeers(peers, { state: stateAt(7) }, 1)(7)).resolves.toBeUndefined();
  });
});

describe('a broker that is asked', () => {
  it('answers when it knows the version and has applied it', async () => {
    const steps: string[] = [];
    const listeners = new Set<MetadataListener>();
    const store = {
      state: stateAt(6),
      onChange: (listener: MetadataListener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
    let finish = (): void => undefined;
    const registry = {
      settled: () => {
        steps.push('applying');
        return new Promise<void>((resolve) => {
          finish = resolve;
        });
      },
    };
    const scheduler = new FakeScheduler(new FakeClock());
    const handlers = metadataHandlers({ store, scheduler, registry });
    const signal = new AbortController().signal;
    const call = handlers['apply-metadata']?.({ body: { version: 7 }, blobs: [] }, { signal });
    const answered = call?.then(() => steps.push('answered'));
    steps.push('known');
    store.state = stateAt(7);
    for (const listener of listeners)
      listener({ kind: 'broker-removed', id: 9 } as never, store.state);
    await scheduler.settle();
    steps.push('applied');
    finish();
    await answered;
    expect(steps).toEqual(['known', 'applying', 'applied', 'answered']);
  });
});
