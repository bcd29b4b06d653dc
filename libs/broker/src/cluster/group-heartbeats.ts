import type { GroupCoordinators, HeartbeatCall, MemberView } from '#groups';
import { ProtocolError } from '#protocol';
import type { Peers } from '#replication';
import type { CoordinatorCalls } from './coordinator-calls.js';
import { type ErrorBody, errorBody, errorOf } from './peer-messages.js';

/** Heartbeats in one call. */
const HEARTBEATS_PER_CALL = 500;
/** Time for the answer to a call, in ms; afterwards each heartbeat is sent by itself. */
const CALL_TIMEOUT_MS = 2000;

/** The answer to one heartbeat; neither member: the broker could not decide it. */
export interface HeartbeatAnswer {
  readonly view?: MemberView;
  readonly error?: ErrorBody;
}

interface GroupHeartbeatsOptions {
  readonly calls: CoordinatorCalls;
  readonly peers: Peers;
  readonly brokerId: number;
}

/**
 * Sends heartbeats of many members to their coordinators: to another broker, one call carries those
 * of all its groups. A heartbeat that such a call does not decide is sent again by itself, to
 * whichever broker coordinates the group then.
 *
 * Overlap: calls may overlap.
 */
export class GroupHeartbeats {
  readonly #options: GroupHeartbeatsOptions;

  constructor(options: GroupHeartbeatsOptions) {
    this.#options = options;
  }

  /** @returns the answer to each, in order */
  send(heartbeats: readonly HeartbeatCall[]): readonly Promise<MemberView>[] {
    const { calls, brokerId } = this.#options;
    const batches = new Map<number, HeartbeatCall[]>();
    const answers = heartbeats.map((heartbeat) => {
      const coordinator = calls.coordinatorOf(heartbeat.group);
      if (coordinator === null || coordinator === brokerId) return this.#sendAlone(heartbeat);
      const batch = batches.get(coordinator) ?? [];
      if (batch.length === 0) batches.set(coordinator, batch);
      batch.push(heartbeat);
      return { coordinator, index: batch.length - 1 };
    });
    const sent = new Map(
      Array.from(batches, ([coordinator, batch]) => [
        coordinator,
        this.#sendTo(coordinator, batch),
      ]),
    );
    return answers.map((answer, index) => {
      if (answer instanceof Promise) return answer;
      const batch = sent.get(answer.coordinator);
      return this.#decided(heartbeats[index] as HeartbeatCall, batch?.[answer.index]);
    });
  }

  #sendAlone(heartbeat: HeartbeatCall): Promise<MemberView> {
    return this.#options.calls.call('heartbeat', heartbeat);
  }

  /** @returns for each heartbeat its answer, which never rejects */
  #sendTo(
    coordinator: number,
    heartbeats: readonly HeartbeatCall[],
  ): readonly Promise<HeartbeatAnswer | undefined>[] {
    const parts: Promise<readonly HeartbeatAnswer[]>[] = [];
    for (let from = 0; from < heartbeats.length; from += HEARTBEATS_PER_CALL) {
      const part = heartbeats.slice(from, from + HEARTBEATS_PER_CALL);
      parts.push(this.#call(coordinator, part));
    }
    return heartbeats.map(async (_, index) => {
      const answers = await parts[Math.floor(index / HEARTBEATS_PER_CALL)];
      return answers?.[index % HEARTBEATS_PER_CALL];
    });
  }

  async #call(
    coordinator: number,
    heartbeats: readonly HeartbeatCall[],
  ): Promise<readonly HeartbeatAnswer[]> {
    const message = { body: { heartbeats }, blobs: [] };
    const limits = { timeoutMs: CALL_TIMEOUT_MS };
    try {
      const { body } = await this.#options.peers.call(
        coordinator,
        'group-heartbeats',
        message,
        limits,
      );
      return (body as { readonly answers: readonly HeartbeatAnswer[] }).answers;
    } catch {
      return [];
    }
  }

  async #decided(
    heartbeat: HeartbeatCall,
    answered: Promise<HeartbeatAnswer | undefined> | undefined,
  ): Promise<MemberView> {
    const answer = await answered;
    if (answer?.view !== undefined) return answer.view;
    if (answer?.error !== undefined) throw errorOf(answer.error);
    return this.#sendAlone(heartbeat);
  }
}

/** Answers the heartbeats that another broker sent. */
export function answerHeartbeats(
  coordinators: Pick<GroupCoordinators, 'heartbeat'>,
  heartbeats: readonly HeartbeatCall[],
  assertCoordinator: (group: string) => void,
): Promise<HeartbeatAnswer[]> {
  return Promise.all(
    heartbeats.map(async (heartbeat): Promise<HeartbeatAnswer> => {
      try {
        assertCoordinator(heartbeat.group);
        return { view: await coordinators.heartbeat(heartbeat) };
      } catch (error) {
        const isFinal = error instanceof ProtocolError && !error.retriable;
        return isFinal ? { error: errorBody(error) } : {};
      }
    }),
  );
}
