/**
 * The explored cases: bounds within which no invariant breaks with all rules, and for each rule a
 * violation without it.
 */
import type { Configuration } from './cluster.js';
import type { Fence } from './fences.js';

/** Bounds explored completely with every test run, in some seconds each. */
export const BOUNDS: Readonly<Record<string, Configuration>> = {
  'two replicas, min.insync.replicas 1, ISR changes and two deaths': {
    brokers: 2,
    minInsyncReplicas: 1,
    budget: { records: 1, deaths: 2, isrShrinks: 1, isrGrowths: 1 },
  },
  'two replicas, min.insync.replicas 1, two crashes': {
    brokers: 2,
    minInsyncReplicas: 1,
    budget: { records: 1, crashes: 2, deaths: 1 },
  },
  'two replicas, min.insync.replicas 2, a disk lost and Redis rolled back': {
    brokers: 2,
    minInsyncReplicas: 2,
    budget: { records: 1, crashes: 1, disksLost: 1, rollbacks: 1 },
  },
  'three replicas, min.insync.replicas 2, a shrink that Redis loses': {
    brokers: 3,
    minInsyncReplicas: 2,
    budget: { records: 1, isrShrinks: 1, rollbacks: 1 },
  },
  'three replicas, min.insync.replicas 2, Redis rolled back and later wiped': {
    brokers: 3,
    minInsyncReplicas: 2,
    budget: { rollbacks: 1, wipes: 1 },
  },
  'two replicas, min.insync.replicas 1, a copy of Redis takes over while the former one still runs':
    {
      brokers: 2,
      minInsyncReplicas: 1,
      budget: { records: 1, isrShrinks: 1, failovers: 1 },
    },
  'one of three brokers moves its replica to another, and Redis is rolled back': {
    brokers: 3,
    replicas: [0],
    minInsyncReplicas: 1,
    budget: { records: 1, moves: 1, isrGrowths: 1, rollbacks: 1 },
  },
};

/** Explored to the end on request: half an hour in all. */
export const DEEP_BOUNDS: Readonly<Record<string, Configuration>> = {
  'RF 3, min.insync 2: a death, a shrink and a rollback': {
    brokers: 3,
    minInsyncReplicas: 2,
    budget: { records: 1, deaths: 1, isrShrinks: 1, rollbacks: 1 },
  },
  'RF 3, min.insync 1: a death, a shrink and a rollback': {
    brokers: 3,
    minInsyncReplicas: 1,
    budget: { records: 1, deaths: 1, isrShrinks: 1, rollbacks: 1 },
  },
  'RF 3, min.insync 2: a shrink, a rollback and a wipe': {
    brokers: 3,
    minInsyncReplicas: 2,
    budget: { records: 1, isrShrinks: 1, rollbacks: 1, wipes: 1 },
  },
  'RF 3, min.insync 2: a disk lost, a shrink and a rollback': {
    brokers: 3,
    minInsyncReplicas: 2,
    budget: { records: 1, crashes: 1, disksLost: 1, isrShrinks: 1, rollbacks: 1 },
  },
  'RF 3, min.insync 2: a shrink while a copy of Redis takes over': {
    brokers: 3,
    minInsyncReplicas: 2,
    budget: { records: 1, isrShrinks: 1, failovers: 1 },
  },
  'RF 2, min.insync 1: a death and a shrink while a copy of Redis takes over': {
    brokers: 2,
    minInsyncReplicas: 1,
    budget: { records: 1, deaths: 1, isrShrinks: 1, failovers: 1 },
  },
  'RF 3, min.insync 2: two deaths and a growth': {
    brokers: 3,
    minInsyncReplicas: 2,
    budget: { records: 1, deaths: 2, isrGrowths: 1 },
  },
  'RF 3, min.insync 2: a crash and a death': {
    brokers: 3,
    minInsyncReplicas: 2,
    budget: { records: 1, crashes: 1, deaths: 1 },
  },
  'RF 3, min.insync 2: two records, a death and a rollback': {
    brokers: 3,
    minInsyncReplicas: 2,
    budget: { records: 2, deaths: 1, rollbacks: 1 },
  },
  'RF 2, min.insync 1: two records, a crash, a death and a rollback': {
    brokers: 2,
    minInsyncReplicas: 1,
    budget: { records: 2, crashes: 1, deaths: 1, rollbacks: 1 },
  },
};

/** A case that violates an invariant without one rule. */
export interface FenceCase {
  readonly configuration: Configuration;
  /**
   * Steps before the exploration: the beginning of a violation that would take too long to find.
   */
  readonly given?: readonly string[];
  /**
   * Other rules that have to be off too, because this rule is a second line of defence behind them.
   */
  readonly behind?: readonly Fence[];
  /** The violation that the exploration must find. */
  readonly finds: RegExp;
}

const LOST = /leads without r0, which was acknowledged/;

export const FENCE_CASES: Readonly<Record<Fence, FenceCase>> = {
  epochOnFetch: {
    configuration: {
      brokers: 3,
      minInsyncReplicas: 2,
      budget: { records: 1, crashes: 1, deaths: 1 },
    },
    given: [
      'a crashes and restarts with its log up to 0',
      'a registers; b leads',
      'a learns version 2',
      'b is declared dead; a leads',
    ],
    finds: /c truncates acknowledged offset 0/,
  },
  electionIds: {
    configuration: {
      brokers: 3,
      minInsyncReplicas: 2,
      budget: { records: 2, deaths: 1, rollbacks: 1 },
    },
    given: [
      'a is declared dead; b leads',
      'b learns version 2',
      'b appends r0',
      'Redis restarts and has lost 1 commits',
    ],
    behind: ['rebuildEpochs'],
    finds: /differ at 0, below both high watermarks/,
  },
  truncationBeforeFetch: {
    configuration: { brokers: 2, minInsyncReplicas: 1, budget: { records: 2, deaths: 1 } },
    finds: /differ at 0, below both high watermarks/,
  },
  answerOfThisEpoch: {
    configuration: {
      brokers: 2,
      minInsyncReplicas: 1,
      budget: { records: 2, deaths: 1, lateAnswers: 1 },
    },
    finds: /the log of b has epoch 1 after 2/,
  },
  syncedEnds: {
    configuration: {
      brokers: 2,
      minInsyncReplicas: 1,
      budget: { records: 1, crashes: 1, deaths: 1 },
    },
    finds: /no broker has r0 any more/,
  },
  maximalIsr: {
    configuration: {
      brokers: 2,
      minInsyncReplicas: 1,
      isr: [0],
      budget: { records: 1, deaths: 1, isrGrowths: 1 },
    },
    finds: LOST,
  },
  proposalUntilSettled: {
    configuration: {
      brokers: 2,
      minInsyncReplicas: 1,
      budget: { records: 1, deaths: 2, isrGrowths: 1 },
    },
    finds: LOST,
  },
  minInsyncGate: {
    configuration: {
      brokers: 2,
      minInsyncReplicas: 2,
      budget: { records: 1, crashes: 1, disksLost: 1, isrShrinks: 1 },
    },
    finds: /no broker has r0 any more/,
  },
  loweredMinInsync: {
    configuration: {
      brokers: 3,
      minInsyncReplicas: 2,
      budget: { records: 1, minInsyncLowerings: 1, isrShrinks: 2, rollbacks: 1 },
    },
    given: [
      'a appends r0',
      'min.insync.replicas is lowered to 1',
      'a learns version 2',
      'a removes b from the ISR',
      'a learns version 3',
    ],
    finds: LOST,
  },
  leavingEpoch: {
    configuration: {
      brokers: 3,
      replicas: [0, 1],
      minInsyncReplicas: 2,
      mayPassOver: true,
      budget: { records: 1, moves: 1, isrGrowths: 1, crashes: 1, rollbacks: 1 },
    },
    given: [
      'a move is requested to {b c}',
      'a learns version 2',
      'b learns version 2',
      'the replicas are {a b c}',
      'a learns version 3',
      'b learns version 3',
      'c learns version 2',
      'c learns version 3',
      'c fetches from a at 0',
      'a adds c to the ISR',
      'a crashes and restarts with its log up to 0',
      'a learns version 4',
      'a registers; b leads',
    ],
    finds: LOST,
  },
  journaledGate: {
    configuration: {
      brokers: 3,
      minInsyncReplicas: 2,
      budget: { records: 1, isrShrinks: 1, rollbacks: 1 },
    },
    finds: LOST,
  },
  joinerBrokerEpoch: {
    configuration: {
      brokers: 2,
      minInsyncReplicas: 1,
      isr: [0],
      budget: { records: 1, crashes: 1, disksLost: 1, deaths: 1, isrGrowths: 1 },
    },
    given: [
      'a appends r0',
      'a syncs',
      'b fetches from a at 0 (synced 0)',
      'b syncs',
      'b fetches from a at 1 (synced 1)',
      'b crashes and restarts on an empty disk',
    ],
    finds: LOST,
  },
  joinerCaughtUp: {
    configuration: {
      brokers: 2,
      minInsyncReplicas: 1,
      isr: [0],
      budget: { records: 1, deaths: 1, isrGrowths: 1 },
    },
    finds: LOST,
  },
  registrationRaisesEpoch: {
    configuration: {
      brokers: 2,
      minInsyncReplicas: 1,
      budget: { records: 2, crashes: 1, deaths: 1 },
    },
    finds: /two processes acknowledge in election 1/,
  },
  replacedDiskLeavesIsr: {
    configuration: {
      brokers: 2,
      minInsyncReplicas: 2,
      budget: { records: 1, crashes: 1, disksLost: 1, deaths: 1 },
    },
    finds: LOST,
  },
  journalFirst: {
    configuration: { brokers: 3, minInsyncReplicas: 2, budget: { deaths: 1, rollbacks: 1 } },
    finds: /the leader epoch that a knows falls from 2 to 1/,
  },
  redisProcess: {
    configuration: {
      brokers: 2,
      minInsyncReplicas: 1,
      budget: { records: 1, isrShrinks: 1, deaths: 1, rollbacks: 1 },
    },
    finds: LOST,
  },
  rebuildMajority: {
    configuration: { brokers: 3, minInsyncReplicas: 3, budget: { rollbacks: 1, wipes: 1 } },
    finds: /knows version 20, which was used again/,
  },
  rebuildReplicas: {
    configuration: {
      brokers: 3,
      minInsyncReplicas: 1,
      budget: { records: 1, isrShrinks: 2, rollbacks: 1 },
    },
    given: ['a appends r0', 'a removes b from the ISR', 'a learns version 2'],
    finds: LOST,
  },
  rebuildVotersDisk: {
    configuration: {
      brokers: 3,
      minInsyncReplicas: 2,
      budget: { records: 1, crashes: 1, disksLost: 1, isrShrinks: 1, rollbacks: 1 },
    },
    given: [
      'a appends r0',
      'b fetches from a at 0',
      'b syncs',
      'a removes c from the ISR',
      'a learns version 2',
      'b learns version 2',
      'b fetches from a at 1',
      'b crashes and restarts on an empty disk',
    ],
    finds: LOST,
  },
  rebuildEpochs: {
    configuration: { brokers: 3, minInsyncReplicas: 2, budget: { deaths: 2, rollbacks: 1 } },
    given: ['a is declared dead; b leads', 'a learns version 2', 'b is declared dead; c leads'],
    finds: /the leader epoch that a knows falls from 3 to 2/,
  },
  rebuildLeavesEpoch: {
    configuration: { brokers: 3, minInsyncReplicas: 2, budget: { deaths: 1, rollbacks: 1 } },
    finds: /the leader epoch that b knows falls from 2 to 1/,
  },
  rebuildNumbers: {
    configuration: { brokers: 3, minInsyncReplicas: 2, budget: { deaths: 1, rollbacks: 1 } },
    finds: /knows version 2, which was used again/,
  },
  rebuildPromises: {
    configuration: {
      brokers: 3,
      minInsyncReplicas: 2,
      budget: { records: 1, isrShrinks: 1, failovers: 1 },
    },
    given: [
      'a appends r0',
      'b fetches from a at 0',
      'a copy of Redis that lacks 0 commits takes over',
      'at the former Redis: a removes c from the ISR',
      'at the former Redis: a learns version 2',
      'b connects to the new Redis',
      'c connects to the new Redis',
    ],
    finds: LOST,
  },
};
