/**
 * Requests that this broker serves for other brokers, as the leader of a partition. None of them
 * makes this broker call a third one.
 */
import type { CoordinationStore } from '#coordination';
import type { DueQuestion } from '#groups';
import type { OffsetRange } from '#log';
import type { Offset, TopicPartition } from '#protocol';
import type { PeerHandler, PeerHandlers, PeerMessage, ReplicaManager } from '#replication';
import type { Scheduler } from '#runtime';
import type { ForwardedCallers } from '#security';
import type { OffsetSpec, OffsetToCommit } from '../broker.js';
import type { DelayedRecords } from '../delayed-records.js';
import {
  type StatusOptions,
  type StatusTarget,
  statusesOfLedPartitions,
} from '../leader-status.js';
import type { GroupOffsets } from '../log-broker.js';
import { assertMayAppend } from './forwarded-requests.js';
import { fetchAtLeader } from './leader-fetch.js';
import type { BatchAppended, LeaderAppend } from './leader-transport.js';
import type { LeadershipCheck } from './leadership-check.js';
import type { LocalLeader } from './local-leader.js';
import { waitForMetadata } from './metadata-wait.js';
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
  readonly leadership: LeadershipCheck;
  readonly delayed: DelayedRecords;
  /** Committed offsets of the groups whose partition this broker leads. */
  readonly groups: GroupOffsets;
  readonly store: Pick<CoordinationStore, 'state' | 'onChange'>;
  readonly scheduler: Scheduler;
  /** Undefined while authentication is off. */
  readonly callers: ForwardedCallers | undefined;
}

/** Longest wait for metadata that a question needs, ms; less than the asking broker waits. */
const METADATA_WAIT_MS = 500;

export function leaderHandlers({
  replicas,
  leader,
  leadership,
  delayed,
  groups,
  store,
  scheduler,
  callers,
}: LeaderParts): PeerHandlers {
  const atLeader =
    <B extends TopicPartition>(
      handle: (body: B, signal: AbortSignal) => Promise<PeerMessage>,
    ): PeerHandler =>
    async ({ body }, { signal }) => {
      replicas.table.leaderOrThrow(body as B);
      return handle(body as B, signal);
    };
  return {
    produce: async (message) => {
      const answers = await appendAll({ leader, callers }, produceOf(message));
      return appendAnswersMessage(answers);
    },
    fetch: async (message, { signal }) =>
      fetchedMessage(await fetchAtLeader(replicas, leadership, { ...fetchOf(message), signal })),
    'list-offset': atLeader<TopicPartition & { readonly at: OffsetSpec }>(async (target) =>
      jsonMessage(await replicas.listOffset(target, target.at)),
    ),
    'list-delayed': atLeader<TopicPartition & { readonly question: DueQuestion }>(
      async ({ topic, partition, question }) =>
        jsonMessage(await delayed.list({ topic, partition }, question)),
    ),
    'delete-records': async ({ body }) => {
      const target = body as TopicPartition & { readonly beforeOffset: Offset };
      const logStartOffset = await leadership.atLeader(target, () =>
        replicas.deleteRecords(target, target.beforeOffset),
      );
      return jsonMessage({ logStartOffset });
    },
    'give-up-lost-records': atLeader<TopicPartition & { readonly lost: OffsetRange }>(
      async (target) => {
        await replicas.acceptDataLoss(target, target.lost);
        return jsonMessage({});
      },
    ),
    'partition-status': async ({ body }) => {
      const { partitions, ...options } = body as StatusOptions & {
        readonly partitions: readonly StatusTarget[];
      };
      const { metadataVersion = 0 } = options;
      const wait = { scheduler, waitMs: METADATA_WAIT_MS };
      if (!(await waitForMetadata(store, metadataVersion, wait))) {
        return jsonMessage({ partitions: [] });
      }
      return jsonMessage({ partitions: statusesOfLedPartitions(replicas, partitions, options) });
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
function appendAll(
  { leader, callers }: Pick<LeaderParts, 'leader' | 'callers'>,
  appends: readonly LeaderAppend[],
): Promise<AppendAnswer[]> {
  return Promise.all(
    appends.map((append) =>
      appendOf(append, leader, callers).then(
        (appended): AppendAnswer => ({ appended }),
        (error: unknown): AppendAnswer => ({ error }),
      ),
    ),
  );
}

function appendOf(
  append: LeaderAppend,
  leader: LocalLeader,
  callers: ForwardedCallers | undefined,
): Promise<readonly BatchAppended[]> {
  if (callers === undefined) return leader.append(append);
  const checked = assertMayAppend(callers, append.topic, append.callers);
  return checked.then(() => leader.append(append));
}

function jsonMessage(body: unknown): PeerMessage {
  return { body, blobs: [] };
}
