import { AssertionError, assert } from '#runtime';
import type {
  BrokerRegistration,
  ControllerMetadata,
  DeletedTopic,
  MetadataChange,
  TopicMetadata,
} from './metadata.js';

/**
 * The metadata that a cluster has agreed on. Immutable: each commit creates a new state.
 *
 * `version` and `changeId` together name one history: two states with the same pair are equal in
 * everything else. A store that was rolled back and continued differently has the same version with
 * another change id.
 */
export interface ClusterState {
  /** Number of commits so far. */
  readonly version: number;
  /** Random id of the last commit; empty at version 0. */
  readonly changeId: string;
  readonly controller: ControllerMetadata | null;
  /** All members by id, alive or not. */
  readonly brokers: ReadonlyMap<number, BrokerRegistration>;
  /** Topics by name. */
  readonly topics: ReadonlyMap<string, TopicMetadata>;
  /** Deleted topics by topic id, oldest first; only the newest are kept. */
  readonly deletedTopics: ReadonlyMap<string, DeletedTopic>;
}

/** The changes that one compare-and-set wrote, all or none. */
export interface MetadataCommit {
  /** Version of the state after this commit. */
  readonly version: number;
  readonly changeId: string;
  /** Change id of the state before this commit: the link to the previous commit. */
  readonly previousChangeId: string;
  readonly changes: readonly MetadataChange[];
}

/**
 * Number of recorded deletions. A deletion must stay recorded for as long as a broker with logs of
 * the topic may return.
 */
const DELETED_TOPICS_KEPT = 10_000;

export const EMPTY_CLUSTER: ClusterState = {
  version: 0,
  changeId: '',
  controller: null,
  brokers: new Map(),
  topics: new Map(),
  deletedTopics: new Map(),
};

/** True when a commit directly follows a state. */
export function directlyFollows(commit: MetadataCommit, state: ClusterState): boolean {
  return commit.version === state.version + 1 && commit.previousChangeId === state.changeId;
}

/** The state after a commit, which must directly follow it. */
export function applyCommit(state: ClusterState, commit: MetadataCommit): ClusterState {
  assert(
    directlyFollows(commit, state),
    `commit ${commit.version} does not follow ${state.version}`,
  );
  const { version, changeId, changes } = commit;
  return { ...applyChanges(state, changes), version, changeId };
}

/** The state with these changes applied: a draft of the next state, with the same version. */
export function applyChanges(
  state: ClusterState,
  changes: readonly MetadataChange[],
): ClusterState {
  const draft = new Draft(state);
  for (const change of changes) applyChange(draft, change);
  return draft.finished();
}

/** A state under construction. Only the maps that are written to are copied. */
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
      throw new AssertionError('a "topic-forgotten" change is never committed');
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

/** A commit is identified by its version and change id together. */
export interface CommitName {
  readonly version: number;
  readonly changeId: string;
}
