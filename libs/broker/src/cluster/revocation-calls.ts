/** The calls by which the brokers of a cluster exchange revocations. */
import type {
  ClusterSecurity,
  CoordinationStore,
  RevocationAnswer,
  RevocationMessage,
  RevocationPeers,
} from '#coordination';
import type { PeerHandlers, PeerMessage, Peers } from '#replication';

const METHOD = 'exchange-revocations';

/** All members of the cluster except this broker, also those that are down. */
export function revocationPeers(
  peers: Peers,
  store: Pick<CoordinationStore, 'state'>,
  brokerId: number,
): RevocationPeers {
  return {
    ids: () => [...store.state.brokers.keys()].filter((id) => id !== brokerId),
    exchange: async (id, message, timeoutMs) => {
      const answer = await peers.call(id, METHOD, jsonMessage(message), { timeoutMs });
      return answer.body as RevocationAnswer;
    },
  };
}

/** @param security undefined while authentication is off: the calls are refused then */
export function revocationHandlers(security: ClusterSecurity | undefined): PeerHandlers {
  if (security === undefined) return {};
  return {
    [METHOD]: async ({ body }) =>
      jsonMessage(await security.handleRevocations(body as RevocationMessage)),
  };
}

function jsonMessage(body: unknown): PeerMessage {
  return { body, blobs: [] };
}
