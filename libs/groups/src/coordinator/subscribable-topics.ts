import type { TopicCatalog, TopicShape } from '../state/decision.js';
import { TopicPattern } from '../state/topic-pattern.js';
import type { TopicDirectory } from './topic-directory.js';

/** Patterns whose matches are remembered. */
const PATTERNS_KEPT_MAX = 1000;

/** The topics that members can subscribe to, with the matches of patterns until topics change. */
export class SubscribableTopics implements TopicCatalog {
  readonly #topics: TopicDirectory;
  readonly #matches = new Map<string, readonly string[]>();

  constructor(topics: TopicDirectory) {
    this.#topics = topics;
  }

  topic(name: string): TopicShape | undefined {
    return this.#topics.topic(name);
  }

  matching(text: string): readonly string[] {
    const known = this.#matches.get(text);
    if (known !== undefined) return known;
    const pattern = TopicPattern.tryParse(text);
    // Joins are checked; a pattern that only a later version accepts matches nothing.
    const isParsed = pattern instanceof TopicPattern;
    const names = isParsed ? [...this.#topics.names()].filter((name) => pattern.matches(name)) : [];
    if (this.#matches.size >= PATTERNS_KEPT_MAX) this.#matches.clear();
    this.#matches.set(text, names);
    return names;
  }

  /** Topics were created, grew or were deleted. */
  changed(): void {
    this.#matches.clear();
  }
}
