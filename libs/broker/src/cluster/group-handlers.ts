/**
 * Requests that this broker serves for other brokers as the coordinator of groups. None of them
 * makes this broker call a third one.
 */
import type { CoordinationStore } from '#coordination';
import {
  type GroupCalls,
  type GroupCoordinators,
  type HeartbeatCall,
  partitionForGroup,
} from '#groups';
import { CONSUMER_OFFSETS_TOPIC } from '#protocol';
import type { PeerHandler, PeerHandlers, PeerMessage, ReplicaManager } from '#replication';
import type { Scheduler } from '#runtime';
import { GROUP_METHODS } from './coordinator-calls.js';
import { answerHeartbeats } from './group-heartbeats.js';

interface GroupHandlersOptions {
  readonly coordinators: GroupCoordinators;
  readonly replicas: ReplicaManager;
  readonly store: Pick<CoordinationStore, 'state'>;
  readonly scheduler: Scheduler;
}

export function groupHandlers(options: GroupHandlersOptions): PeerHandlers {
  const { coordinators } = options;
  const handlers: Record<string, PeerHandler> = {
    'group-heartbeats': async ({ body }) => {
      const { heartbeats } = body as { readonly heartbeats: readonly HeartbeatCall[] };
      const answers = await answerHeartbeats(coordinators, heartbeats, (group) => {
        assertCoordinator(options, group);
      });
      return jsonMessage({ answers });
    },
    'group-list': async ({ body }) => {
      const { after, limit } = body as { readonly after: string; readonly limit: number };
      return jsonMessage({ groups: await coordinators.list(after, limit) });
    },
    'group-watch': ({ body }, { signal }) => {
      const { groups, waitMs } = body as {
        readonly groups: readonly string[];
        readonly waitMs: number;
      };
      return watchGroups(options, groups, waitMs, signal);
    },
  };
  for (const [call, method] of Object.entries(GROUP_METHODS)) {
    handlers[method] = groupHandler(options, call as keyof GroupCalls);
  }
  return handlers;
}

function groupHandler(options: GroupHandlersOptions, call: keyof GroupCalls): PeerHandler {
  const { coordinators } = options;
  return async ({ body }) => {
    assertCoordinator(options, (body as { readonly group: string }).group);
    const handle = coordinators[call] as (request: unknown) => Promise<unknown>;
    const answer = await handle.call(coordinators, body);
    return jsonMessage({ answer: answer === undefined ? {} : answer });
  };
}

/** @throws NotLeaderError when another broker coordinates the group */
function assertCoordinator({ store, replicas }: GroupHandlersOptions, group: string): void {
  const topic = store.state.topics.get(CONSUMER_OFFSETS_TOPIC);
  const partition = partitionForGroup(group, topic?.partitions.length ?? 1);
  replicas.table.leaderOrThrow({ topic: CONSUMER_OFFSETS_TOPIC, partition });
}

/** Resolves with the first group that changed, or with none after the time. */
function watchGroups(
  { coordinators, scheduler }: GroupHandlersOptions,
  groups: readonly string[],
  waitMs: number,
  signal: AbortSignal,
): Promise<PeerMessage> {
  return new Promise((resolve) => {
    const changed = new Set<string>();
    const end = (): void => {
      for (const stop of stops) stop();
      timer.cancel();
      signal.removeEventListener('abort', end);
      resolve(jsonMessage({ changed: [...changed] }));
    };
    const stops = groups.map((group) =>
      coordinators.watch(group, () => {
        changed.add(group);
        // Groups that change in the same turn are answered together.
        scheduler.soon(end);
      }),
    );
    const timer = scheduler.after(waitMs, end);
    signal.addEventListener('abort', end, { once: true });
  });
}

function jsonMessage(body: unknown): PeerMessage {
  return { body, blobs: [] };
}
