/**
 * Requests that this broker serves for other brokers, as the leader of a partition. None of them
 * makes this broker call a third one.
 */
import type { OffsetRange } from '#log';
import type { Offset, TopicPartition } from '#protocol';
import type { PeerHandler, PeerHandlers, PeerMessage, ReplicaManager } from '#replication';
import type { OffsetSpec, OffsetToCommit } from '../broker.js';
import { ledStatuses, type StatusOptions } from '../leader-status.js';
import type { GroupOffsets } from '../log-broker.js';
import { fetchAtLeader } from './leader-fetch.js';
import type { LeaderAppend } from './leader-transport.js';
import type { LocalLeader } from './local-leader.js';
import {
  type AppendAnswer,
  appendAnswersMessage,
  fetchedMessage,
  fetchOf,
  produceOf,
} from './peer-messages.js';

interface LeaderParts {
  readonly replicas: ReplicaManager;
  readonly leader: LocalLeader;
  /** Committed offsets of the groups whose partition this broker leads. */
  readonly groups: GroupOffsets;
}

export function leaderHandlers({ replicas, leader, groups }: LeaderParts): PeerHandlers {
  const atLeader =
    <B extends TopicPartition>(
      handle: (body: B, signal: AbortSignal) => Promise<PeerMessage>,
    ): PeerHandler =>
    async ({ body }, { signal }) => {
      replicas.table.leaderOrThrow(body as B);
      return handle(body as B, signal);
    };
  return {
    produce: async (message) => appendAnswersMessage(await appendAll(leader, produceOf(message))),
    fetch: async (message, { signal }) =>
      fetchedMessage(await fetchAtLeader(replicas, { ...fetchOf(message), signal })),
    'list-offset': atLeader<TopicPartition & { readonly at: OffsetSpec }>(async (target) =>
      jsonMessage(await replicas.listOffset(target, target.at)),
    ),
    'delete-records': atLeader<TopicPartition & { readonly beforeOffset: Offset }>(async (target) =>
      jsonMessage({ logStartOffset: await replicas.deleteRecords(target, target.beforeOffset) }),
    ),
    'give-up-lost-records': atLeader<TopicPartition & { readonly lost: OffsetRange }>(
      async (target) => {
        await replicas.acceptDataLoss(target, target.lost);
        return jsonMessage({});
      },
    ),
    'partition-status': ({ body }) => {
      const { partitions, ...options } = body as StatusOptions & {
        readonly partitions: readonly TopicPartition[];
      };
      const statuses = ledStatuses(replicas, partitions, options);
      return Promise.resolve(jsonMessage({ partitions: statuses }));
    },
    'commit-offsets': async ({ body }) => {
      const { group, offsets } = body as { group: string; offsets: readonly OffsetToCommit[] };
      await groups.commit(group, offsets);
      return jsonMessage({});
    },
    'committed-offsets': async ({ body }) => {
      const { group, topic } = body as { readonly group: string; readonly topic?: string };
      return jsonMessage({ offsets: await groups.committed(group, topic) });
    },
  };
}

/** Each append fails by itself. */
function appendAll(leader: LocalLeader, appends: readonly LeaderAppend[]): Promise<AppendAnswer[]> {
  return Promise.all(
    appends.map((append) =>
      leader.append(append).then(
        (appended): AppendAnswer => ({ appended }),
        (error: unknown): AppendAnswer => ({ error }),
      ),
    ),
  );
}

function jsonMessage(body: unknown): PeerMessage {
  return { body, blobs: [] };
}
