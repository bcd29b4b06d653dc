import { RE2JS, RE2JSException } from 're2js';
import { isInternalTopic } from '#protocol';

const PATTERN_LENGTH_MAX = 500;
/** Instructions of a compiled pattern, which bound the time of a match together with the name. */
const PROGRAM_SIZE_MAX = 2000;
const DEAD_LETTER_PREFIX = 'dlq.';

/**
 * A pattern of topic names in RE2 syntax, which is matched in time linear in the name. It matches
 * whole names, and never internal topics or dead letters.
 */
export class TopicPattern {
  readonly #expression: RE2JS;

  private constructor(expression: RE2JS) {
    this.#expression = expression;
  }

  /** @returns the pattern, or a sentence that says why it is not accepted */
  static tryParse(text: string): TopicPattern | { readonly fault: string } {
    if (text.length < 1 || text.length > PATTERN_LENGTH_MAX) {
      return { fault: `a pattern has 1 to ${PATTERN_LENGTH_MAX} characters, not ${text.length}` };
    }
    try {
      const expression = RE2JS.compile(text);
      if (expression.programSize() > PROGRAM_SIZE_MAX) {
        return { fault: 'a pattern has fewer repetitions and alternatives than this one' };
      }
      return new TopicPattern(expression);
    } catch (error) {
      if (!(error instanceof RE2JSException)) throw error;
      return { fault: `a pattern is a regular expression in RE2 syntax: ${error.message}` };
    }
  }

  matches(topic: string): boolean {
    if (isInternalTopic(topic) || topic.startsWith(DEAD_LETTER_PREFIX)) return false;
    return this.#expression.matches(topic);
  }
}
