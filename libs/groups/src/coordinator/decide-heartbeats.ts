import type { HeartbeatCall } from './group-calls.js';
import type { GroupCoordinator } from './group-coordinator.js';
import type { Outcome } from './group-rounds.js';
import type { LoadedCoordinators } from './loaded-coordinators.js';
import type { MemberView } from './member-view.js';

/** Takes what became of one of many heartbeats; `at` is its place among them. */
export type SettleHeartbeat = (at: number, outcome: Outcome<MemberView>) => void;

interface Coordinators {
  readonly loaded: Pick<LoadedCoordinators, 'partitionOf'>;
  readonly coordinatorOf: (group: string, memberId: string) => Promise<GroupCoordinator>;
}

/**
 * Decides heartbeats of many members: those of one coordinator in one round. A coordinator that is
 * being loaded delays no heartbeat to another one. Resolves when all are settled; never rejects.
 */
export async function decideHeartbeats(
  { loaded, coordinatorOf }: Coordinators,
  heartbeats: readonly HeartbeatCall[],
  settle: SettleHeartbeat,
): Promise<void> {
  const batches = new Map<number | undefined, number[]>();
  for (const [at, { group }] of heartbeats.entries()) {
    const partition = loaded.partitionOf(group);
    const batch = batches.get(partition);
    if (batch === undefined) batches.set(partition, [at]);
    else batch.push(at);
  }
  const decide = async (places: readonly number[]): Promise<void> => {
    const batch = places.map((at) => heartbeats[at] as HeartbeatCall);
    const outcomes = await outcomesOf(batch, coordinatorOf);
    for (const [index, at] of places.entries()) settle(at, outcomes[index] as Outcome<MemberView>);
  };
  await Promise.all(Array.from(batches.values(), decide));
}

/** The outcomes of heartbeats to one coordinator. Never rejects. */
async function outcomesOf(
  batch: readonly HeartbeatCall[],
  coordinatorOf: Coordinators['coordinatorOf'],
): Promise<readonly Outcome<MemberView>[]> {
  try {
    const { group, memberId } = batch[0] as HeartbeatCall;
    const coordinator = await coordinatorOf(group, memberId);
    return await coordinator.heartbeats(batch);
  } catch (refusal) {
    return batch.map(() => ({ refusal }));
  }
}
