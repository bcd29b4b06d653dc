import type { Clock, Logger, Random, Scheduler } from '#runtime';
import type { CommitEntry } from '../state/decide-offsets.js';
import type { GroupLimits, TopicCatalog } from '../state/decision.js';
import type { Group } from '../state/group.js';
import type { CoordinatorTotals } from './coordinator-totals.js';
import type { DeadLetterTopics } from './dead-letter-writer.js';
import type { GroupWatches } from './group-watches.js';
import type { MayKeepMember } from './lost-members.js';
import type { FindPositions, QueueLists } from './queue-listings.js';
import type { QueueTally } from './queue-tally.js';

/** The parts and limits of a coordinator, which it shares with the others of its broker. */
export interface GroupCoordinatorOptions {
  readonly catalog: TopicCatalog;
  /** Limits as they are now, over all coordinators of this broker. */
  readonly limits: () => GroupLimits;
  /** Refuses commits that would need more memory than there is. */
  readonly assertRoom: (group: Group, offsets: readonly CommitEntry[]) => void;
  /** Session time-out of members and groups that name none, ms. */
  readonly sessionTimeoutMs: number;
  readonly findPositions: FindPositions;
  readonly queueLists: QueueLists;
  readonly deadLetters: DeadLetterTopics;
  /** True when the process of a broker epoch has ended, or its lease has. */
  readonly hasProcessEnded: (brokerEpoch: number) => boolean;
  readonly mayKeep: MayKeepMember;
  /** Listeners for changed groups; they outlive this coordinator. */
  readonly watches: GroupWatches;
  readonly totals: CoordinatorTotals;
  readonly tally: QueueTally;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
}
