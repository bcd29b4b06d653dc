import { AssertionError, assert } from '#runtime';
import type {
  BrokerRegistration,
  ControllerMetadata,
  DeletedTopic,
  MetadataChange,
  TopicMetadata,
} from './metadata.js';

/**
 * All that a cluster agreed on. Immutable: a commit makes a new one.
 *
 * `version` and `changeId` together name one history: of two states with the same pair everything
 * else is the same, too. A store that was rolled back and went on differently has the same version
 * with another change id.
 */
export interface ClusterState {
  /** How many commits there were. */
  readonly version: number;
  /** Random, of the last commit; empty at version 0. */
  readonly changeId: string;
  readonly controller: ControllerMetadata | null;
  /** All members, alive or not, by id. */
  readonly brokers: ReadonlyMap<number, BrokerRegistration>;
  /** By name. */
  readonly topics: ReadonlyMap<string, TopicMetadata>;
  /** By topic id, the oldest first; only the newest are kept. */
  readonly deletedTopics: ReadonlyMap<string, DeletedTopic>;
}

/** What one compare-and-set wrote: all of it or nothing. */
export interface MetadataCommit {
  /** The version that it made. */
  readonly version: number;
  readonly changeId: string;
  /** Of the state that it was decided on: the link to the commit before. */
  readonly previousChangeId: string;
  readonly changes: readonly MetadataChange[];
}

/** A deletion is on record for as long as brokers may come back that have the topic's logs. */
const DELETED_TOPICS_KEPT = 10_000;

export const EMPTY_CLUSTER: ClusterState = {
  version: 0,
  changeId: '',
  controller: null,
  brokers: new Map(),
  topics: new Map(),
  deletedTopics: new Map(),
};

/** Whether a commit is the one that follows a state. */
export function follows(commit: MetadataCommit, state: ClusterState): boolean {
  return commit.version === state.version + 1 && commit.previousChangeId === state.changeId;
}

/** The state after a commit, which must follow it. */
export function applyCommit(state: ClusterState, commit: MetadataCommit): ClusterState {
  assert(follows(commit, state), `commit ${commit.version} does not follow ${state.version}`);
  const { version, changeId, changes } = commit;
  return { ...applyChanges(state, changes), version, changeId };
}

/** What a state would be with these changes: a draft of the next one, of the same version. */
export function applyChanges(
  state: ClusterState,
  changes: readonly MetadataChange[],
): ClusterState {
  const draft = new Draft(state);
  for (const change of changes) applyChange(draft, change);
  return draft.finished();
}

/** A state in the making. Only what is written to is copied. */
class Draft {
  controller: ControllerMetadata | null;
  readonly #base: ClusterState;
  #brokers: Map<number, BrokerRegistration> | undefined;
  #topics: Map<string, TopicMetadata> | undefined;
  #deletedTopics: Map<string, DeletedTopic> | undefined;

  constructor(base: ClusterState) {
    this.#base = base;
    this.controller = base.controller;
  }

  get brokers(): Map<number, BrokerRegistration> {
    this.#brokers ??= new Map(this.#base.brokers);
    return this.#brokers;
  }

  get topics(): Map<string, TopicMetadata> {
    this.#topics ??= new Map(this.#base.topics);
    return this.#topics;
  }

  get deletedTopics(): Map<string, DeletedTopic> {
    this.#deletedTopics ??= new Map(this.#base.deletedTopics);
    return this.#deletedTopics;
  }

  finished(): ClusterState {
    return {
      version: this.#base.version,
      changeId: this.#base.changeId,
      controller: this.controller,
      brokers: this.#brokers ?? this.#base.brokers,
      topics: this.#topics ?? this.#base.topics,
      deletedTopics: this.#deletedTopics ?? this.#base.deletedTopics,
    };
  }
}

function applyChange(draft: Draft, change: MetadataChange): void {
  switch (change.kind) {
    case 'broker':
      draft.brokers.set(change.broker.id, change.broker);
      return;
    case 'broker-removed':
      draft.brokers.delete(change.id);
      return;
    case 'controller':
      draft.controller = change.controller;
      return;
    case 'topic':
      draft.topics.set(change.topic.name, change.topic);
      return;
    case 'partitions': {
      const topic = draft.topics.get(change.topic);
      assert(topic?.id === change.topicId, `partitions of "${change.topic}" change without it`);
      const partitions = [...topic.partitions];
      for (const { partition, state } of change.partitions) {
        assert(partition < partitions.length, `"${change.topic}" has no partition ${partition}`);
        partitions[partition] = state;
      }
      draft.topics.set(topic.name, { ...topic, partitions });
      return;
    }
    case 'topic-forgotten':
      throw new AssertionError('that a topic was forgotten is never committed');
    case 'topic-deleted': {
      draft.topics.delete(change.topic.name);
      draft.deletedTopics.set(change.topic.id, change.topic);
      const [oldest] = draft.deletedTopics.keys();
      if (draft.deletedTopics.size > DELETED_TOPICS_KEPT && oldest !== undefined) {
        draft.deletedTopics.delete(oldest);
      }
    }
  }
}
