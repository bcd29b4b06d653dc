import type { FakeClock } from '#runtime/testing';

interface Line {
  readonly atMs: number;
  readonly who: string;
  readonly text: string;
}

/** The events of a run in order, for people who analyse a violation. */
export class Trace {
  readonly #lines: Line[] = [];
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  add(who: string, text: string): void {
    this.#lines.push({ atMs: this.#clock.monotonicMs(), who, text });
  }

  /** @param wanted words of which a line or its author must contain one; none: all lines */
  text(wanted: readonly string[] = []): string {
    const isWanted = ({ who, text }: Line): boolean =>
      wanted.length === 0 || wanted.some((word) => who === word || text.includes(word));
    return this.#lines
      .filter(isWanted)
      .map(
        ({ atMs, who, text }) =>
          `${(atMs / 1000).toFixed(4).padStart(9)}  ${who.padEnd(9)} ${text}`,
      )
      .join('\n');
  }
}
