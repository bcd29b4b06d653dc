/**
 * The calls by which a broker makes sure that a change of the metadata is in force at all brokers
 * before it is answered: a client may send its next request to any of them.
 */
import type { CoordinationStore } from '#coordination';
import type { PeerHandlers, Peers } from '#replication';
import type { Scheduler } from '#runtime';
import { waitForMetadata } from './metadata-wait.js';

const METHOD = 'apply-metadata';
/** Longest wait for the other brokers, ms: one that hangs holds a change up no longer. */
const APPLIED_WAIT_MS = 2000;

/** See `TopicAdminOptions.appliedElsewhere`. */
export type AppliedElsewhere = (version: number) => Promise<void>;

/** Asks all live members except this broker. Those that do not answer are not waited for. */
export function metadataPeers(
  peers: Peers,
  store: Pick<CoordinationStore, 'state'>,
  brokerId: number,
): AppliedElsewhere {
  return async (version) => {
    const others = [...store.state.brokers.values()].filter(
      ({ id, alive }) => alive && id !== brokerId,
    );
    const message = { body: { version }, blobs: [] };
    const options = { timeoutMs: APPLIED_WAIT_MS };
    await Promise.allSettled(others.map(({ id }) => peers.call(id, METHOD, message, options)));
  };
}

interface MetadataParts {
  readonly store: Pick<CoordinationStore, 'state' | 'onChange'>;
  readonly scheduler: Scheduler;
  /** `settled` resolves when all changes of topics that the store has shown are applied. */
  readonly registry: { settled(): Promise<void> };
}

export function metadataHandlers({ store, scheduler, registry }: MetadataParts): PeerHandlers {
  return {
    [METHOD]: async ({ body }) => {
      const { version } = body as { readonly version: number };
      await waitForMetadata(store, version, { scheduler, waitMs: APPLIED_WAIT_MS });
      await registry.settled();
      return { body: {}, blobs: [] };
    },
  };
}
