/** The call by which a broker without the registry gets commits of the security metadata. */
import type { ClusterSecurity, CommitAnswer, CommitPeers } from '#coordination';
import type { PeerHandlers, Peers } from '#replication';
import type { SecurityPosition } from '#security';

const METHOD = 'security-commits';

export function commitPeers(peers: Peers): CommitPeers {
  return {
    commitsAfter: async (id, { version, changeId }, timeoutMs) => {
      const message = { body: { version, changeId }, blobs: [] };
      const answer = await peers.call(id, METHOD, message, { timeoutMs });
      return answer.body as CommitAnswer;
    },
  };
}

/** @param security undefined while authentication is off: the calls are refused then */
export function commitHandlers(security: ClusterSecurity | undefined): PeerHandlers {
  if (security === undefined) return {};
  return {
    [METHOD]: ({ body }) =>
      Promise.resolve({ body: security.handleCommits(body as SecurityPosition), blobs: [] }),
  };
}
