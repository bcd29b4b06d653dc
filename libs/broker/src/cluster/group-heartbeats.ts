import type {
  GroupCoordinators,
  HeartbeatCall,
  MemberView,
  Outcome,
  SettleHeartbeat,
} from '#groups';
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
  readonly coordinators: Pick<GroupCoordinators, 'heartbeats'>;
  readonly peers: Peers;
  readonly brokerId: number;
}

/** Heartbeats to one broker, by their places among all that are sent. */
type Batch = readonly number[];

/**
 * Sends heartbeats of many members to their coordinators: one call to a broker carries those of all
 * its groups. A heartbeat that such a call does not decide is sent again by itself, to whichever
 * broker coordinates the group then.
 *
 * Overlap: calls may overlap.
 */
export class GroupHeartbeats {
  readonly #options: GroupHeartbeatsOptions;

  constructor(options: GroupHeartbeatsOptions) {
    this.#options = options;
  }

  /** @param settle called once for each, later */
  send(heartbeats: readonly HeartbeatCall[], settle: SettleHeartbeat): void {
    const coordinators = new Map<number | null, number[]>();
    for (const [at, { group }] of heartbeats.entries()) {
      const coordinator = this.#options.calls.coordinatorOf(group);
      const places = coordinators.get(coordinator);
      if (places === undefined) coordinators.set(coordinator, [at]);
      else places.push(at);
    }
    for (const [coordinator, places] of coordinators) {
      for (let from = 0; from < places.length; from += HEARTBEATS_PER_CALL) {
        const batch = places.slice(from, from + HEARTBEATS_PER_CALL);
        this.#sendTo(coordinator, heartbeats, batch, settle);
      }
    }
  }

  #sendTo(
    coordinator: number | null,
    heartbeats: readonly HeartbeatCall[],
    batch: Batch,
    settle: SettleHeartbeat,
  ): void {
    const { brokerId, calls, coordinators } = this.#options;
    const sent = batch.map((at) => heartbeats[at] as HeartbeatCall);
    const sendAlone = (index: number): void => {
      void this.#sendAlone(sent[index] as HeartbeatCall, (outcome) => {
        settle(batch[index] as number, outcome);
      });
    };
    const settleOne: SettleOrSkip = (index, outcome) => {
      if (outcome === undefined) sendAlone(index);
      else settle(batch[index] as number, outcome);
    };
    if (coordinator === null) {
      for (const index of batch.keys()) sendAlone(index);
    } else if (coordinator === brokerId) {
      const assertHere = (group: string): void => {
        calls.assertCoordinatesHere(group);
      };
      void decideHere({ coordinators, assertHere }, sent, settleOne);
    } else {
      void this.#call(coordinator, sent, settleOne);
    }
  }

  /** Never rejects. */
  async #sendAlone(
    heartbeat: HeartbeatCall,
    settle: (outcome: Outcome<MemberView>) => void,
  ): Promise<void> {
    let outcome: Outcome<MemberView>;
    try {
      outcome = { answer: await this.#options.calls.call('heartbeat', heartbeat) };
    } catch (refusal) {
      outcome = { refusal };
    }
    settle(outcome);
  }

  /** Never rejects. */
  async #call(
    coordinator: number,
    heartbeats: readonly HeartbeatCall[],
    settle: SettleOrSkip,
  ): Promise<void> {
    const message = { body: { heartbeats }, blobs: [] };
    const limits = { timeoutMs: CALL_TIMEOUT_MS };
    let answers: readonly HeartbeatAnswer[] = [];
    try {
      const { peers } = this.#options;
      const { body } = await peers.call(coordinator, 'group-heartbeats', message, limits);
      ({ answers } = body as { readonly answers: readonly HeartbeatAnswer[] });
    } catch {
      // None is decided, as far as this broker knows.
    }
    for (const index of heartbeats.keys()) settle(index, outcomeOf(answers[index]));
  }
}

/** Takes the outcome of one heartbeat; undefined: the coordinator could not decide it. */
type SettleOrSkip = (index: number, outcome: Outcome<MemberView> | undefined) => void;

/** The groups that this broker coordinates. */
interface CoordinatorsHere {
  readonly coordinators: Pick<GroupCoordinators, 'heartbeats'>;
  /** @throws NotLeaderError when another broker coordinates the group */
  readonly assertHere: (group: string) => void;
}

/** Answers the heartbeats that another broker sent. */
export async function answerHeartbeats(
  here: CoordinatorsHere,
  heartbeats: readonly HeartbeatCall[],
): Promise<HeartbeatAnswer[]> {
  const answers = heartbeats.map((): HeartbeatAnswer => ({}));
  await decideHere(here, heartbeats, (index, outcome) => {
    if (outcome === undefined) return;
    if ('answer' in outcome) answers[index] = { view: outcome.answer };
    else if (isFinal(outcome.refusal)) answers[index] = { error: errorBody(outcome.refusal) };
  });
  return answers;
}

/** Decides the heartbeats of groups that this broker coordinates. Never rejects. */
async function decideHere(
  { coordinators, assertHere }: CoordinatorsHere,
  heartbeats: readonly HeartbeatCall[],
  settle: SettleOrSkip,
): Promise<void> {
  const places: number[] = [];
  for (const [index, { group }] of heartbeats.entries()) {
    try {
      assertHere(group);
      places.push(index);
    } catch {
      settle(index, undefined);
    }
  }
  const own = places.map((index) => heartbeats[index] as HeartbeatCall);
  await coordinators.heartbeats(own, (at, outcome) => {
    const isDecided = 'answer' in outcome || isFinal(outcome.refusal);
    settle(places[at] as number, isDecided ? outcome : undefined);
  });
}

function isFinal(error: unknown): error is ProtocolError {
  return error instanceof ProtocolError && !error.retriable;
}

function outcomeOf({ view, error }: HeartbeatAnswer = {}): Outcome<MemberView> | undefined {
  if (view !== undefined) return { answer: view };
  return error === undefined ? undefined : { refusal: errorOf(error) };
}
