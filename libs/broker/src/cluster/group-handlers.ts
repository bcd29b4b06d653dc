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
import type { GroupWatchCall } from './group-watcher.js';

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
      const assertHere = (group: string): void => {
        assertCoordinator(options, group);
      };
      const answers = await answerHeartbeats({ coordinators, assertHere }, heartbeats);
      return jsonMessage({ answers });
    },
    'group-list': async ({ body }) => {
      const { after, limit } = body as { readonly after: string; readonly limit: number };
      return jsonMessage({ groups: await coordinators.list(after, limit) });
    },
    'group-watch': ({ body }, { signal }) => {
      return watchGroups(options, body as GroupWatchCall, signal);
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

/**
 * Resolves with the first groups that changed, or with none after the time. Groups that changed
 * since the last answer are answered at once; without a last answer any of them may have.
 */
function watchGroups(
  { coordinators, scheduler }: GroupHandlersOptions,
  { groups, waitMs, afterSequence }: GroupWatchCall,
  signal: AbortSignal,
): Promise<PeerMessage> {
  const { watches } = coordinators;
  const changed = new Map<string, ReadonlySet<string> | undefined>();
  for (const group of groups) {
    const missed = afterSequence === null ? ANY_MEMBER : watches.changeSince(group, afterSequence);
    if (missed !== undefined) changed.set(group, missed.members);
  }
  if (changed.size > 0) return Promise.resolve(watchAnswer(changed, watches.sequence));
  return new Promise((resolve) => {
    const end = (): void => {
      for (const stop of stops) stop();
      timer.cancel();
      signal.removeEventListener('abort', end);
      resolve(watchAnswer(changed, watches.sequence));
    };
    const stops = groups.map((group) =>
      watches.add(group, (members) => {
        const before = changed.get(group);
        const isOfAny = members === undefined || (changed.has(group) && before === undefined);
        changed.set(group, isOfAny ? undefined : new Set([...(before ?? []), ...members]));
        // Groups that change in the same turn are answered together.
        scheduler.soon(end);
      }),
    );
    const timer = scheduler.after(waitMs, end);
    signal.addEventListener('abort', end, { once: true });
  });
}

const ANY_MEMBER = { members: undefined };

function watchAnswer(
  changed: ReadonlyMap<string, ReadonlySet<string> | undefined>,
  sequence: number,
): PeerMessage {
  const groups = Array.from(changed, ([group, members]) => {
    return { group, members: members === undefined ? null : [...members] };
  });
  return jsonMessage({ changed: groups, sequence });
}

function jsonMessage(body: unknown): PeerMessage {
  return { body, blobs: [] };
}
