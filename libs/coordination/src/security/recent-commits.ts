import type { SecurityPosition } from '#security';
import type { StoredCommit } from './security-registry.js';

/** Characters of remembered changes; beyond them the oldest commits are forgotten. */
const CHARACTERS_MAX = 4 * 1024 * 1024;
/** Characters of changes in one answer; one commit always fits. */
const ANSWER_CHARACTERS_MAX = 1024 * 1024;

/**
 * The commits that a broker took last, as they are stored, each of which follows the one before it:
 * brokers without the registry ask for them.
 */
export class RecentCommits {
  #commits: StoredCommit[] = [];
  #characters = 0;

  /** Remembers a commit that was taken. */
  add(commit: StoredCommit): void {
    if (this.#commits.at(-1)?.changeId !== commit.previousChangeId) this.#clear();
    this.#commits.push(commit);
    this.#characters += commit.changes.length;
    let forgotten = 0;
    while (this.#characters > CHARACTERS_MAX && forgotten < this.#commits.length) {
      this.#characters -= (this.#commits[forgotten] as StoredCommit).changes.length;
      forgotten += 1;
    }
    this.#commits.splice(0, forgotten);
  }

  /** Returns the first commits after a position; none if the one after it is not remembered. */
  after({ version, changeId }: SecurityPosition): readonly StoredCommit[] {
    const first = this.#commits.findIndex(
      (each) => each.version === version + 1 && each.previousChangeId === changeId,
    );
    if (first < 0) return [];
    let characters = 0;
    const following = this.#commits.slice(first);
    const end = following.findIndex(({ changes }, index) => {
      characters += changes.length;
      return index > 0 && characters > ANSWER_CHARACTERS_MAX;
    });
    return end < 0 ? following : following.slice(0, end);
  }

  #clear(): void {
    this.#commits = [];
    this.#characters = 0;
  }
}
