/**
 * Called when a group may have changed.
 * @param members ids of the members that the change concerns; undefined when it may be any
 */
export type OnGroupChange = (members: ReadonlySet<string> | undefined) => void;

/** Groups whose last changes are remembered. */
const REMEMBERED_GROUPS_MAX = 20_000;
/** Changes of one group that are remembered. */
const REMEMBERED_CHANGES_MAX = 8;

/** Changes of a group since a number. */
export interface MissedChange {
  /** Ids of the members that the changes concern; undefined when it may be any. */
  readonly members: ReadonlySet<string> | undefined;
}

/** The last changes of a group, oldest first. */
interface RecentChanges {
  readonly changes: {
    readonly sequence: number;
    readonly members: ReadonlySet<string> | undefined;
  }[];
  /** Number of the last change that is not remembered any more. */
  forgottenUpTo: number;
}

/**
 * Callers that wait for changes of groups, by group. Changes are numbered, so that a caller whose
 * watch was interrupted can ask which groups have changed since.
 */
export class GroupWatches {
  readonly #watches = new Map<string, Set<OnGroupChange>>();
  readonly #rememberedGroupsMax: number;
  #sequence = 0;
  /** The last changes by group; the group that changed last is the last one. */
  readonly #recent = new Map<string, RecentChanges>();
  /** Number of the last change of the groups that are not remembered any more. */
  #forgottenUpTo = 0;

  constructor(rememberedGroupsMax = REMEMBERED_GROUPS_MAX) {
    this.#rememberedGroupsMax = rememberedGroupsMax;
  }

  /** Number of the last change of any group. */
  get sequence(): number {
    return this.#sequence;
  }

  /** @returns a function that ends the watch */
  add(group: string, onChange: OnGroupChange): () => void {
    const watches = this.#watches.get(group) ?? new Set();
    this.#watches.set(group, watches);
    watches.add(onChange);
    return () => {
      watches.delete(onChange);
      if (watches.size === 0 && this.#watches.get(group) === watches) this.#watches.delete(group);
    };
  }

  /** @param members ids of the members that the change concerns; by default any */
  changed(group: string, members?: ReadonlySet<string>): void {
    this.#sequence += 1;
    this.#remember(group, members);
    for (const onChange of this.#watches.get(group) ?? []) onChange(members);
  }

  /** Changes of a group after the change of a number; undefined when there is none. */
  changeSince(group: string, sequence: number): MissedChange | undefined {
    const { changes, forgottenUpTo } = this.#recent.get(group) ?? {
      changes: [],
      forgottenUpTo: this.#forgottenUpTo,
    };
    if (forgottenUpTo > sequence) return { members: undefined };
    const missed = changes.filter((change) => change.sequence > sequence);
    if (missed.length === 0) return undefined;
    const members = new Set<string>();
    for (const change of missed) {
      if (change.members === undefined) return { members: undefined };
      for (const member of change.members) members.add(member);
    }
    return { members };
  }

  #remember(group: string, members: ReadonlySet<string> | undefined): void {
    const recent = this.#recent.get(group) ?? { changes: [], forgottenUpTo: this.#forgottenUpTo };
    recent.changes.push({ sequence: this.#sequence, members });
    if (recent.changes.length > REMEMBERED_CHANGES_MAX) {
      recent.forgottenUpTo = recent.changes.shift()?.sequence ?? recent.forgottenUpTo;
    }
    this.#recent.delete(group);
    this.#recent.set(group, recent);
    for (const [oldest, { changes }] of this.#recent) {
      if (this.#recent.size <= this.#rememberedGroupsMax) return;
      this.#recent.delete(oldest);
      this.#forgottenUpTo = changes.at(-1)?.sequence ?? this.#forgottenUpTo;
    }
  }
}
