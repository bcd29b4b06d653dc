/**
 * The rules of one principal for the names of one resource type: literal names, and prefixes by
 * their length. Bits of names are those of acl-bits.ts.
 */
import type { Acl } from './acl.js';

/** The literal name that stands for every name. */
const EVERY_NAME = '*';

export class NameRules {
  /** Bits of the rules for `*`. */
  #everyName = 0;
  #literals: Map<string, number> | undefined;
  #prefixes: Map<string, number> | undefined;
  /** The different lengths of prefixes, ascending, each with the number of its prefixes. */
  readonly #lengths: { readonly length: number; count: number }[] = [];

  get isEmpty(): boolean {
    return this.#everyName === 0 && this.#literals === undefined && this.#prefixes === undefined;
  }

  /** Bits of the rules for every name. */
  get everyName(): number {
    return this.#everyName | (this.#prefixes?.get('') ?? 0);
  }

  /** True if a rule for any name or prefix has one of the bits. */
  hasAny(wanted: number): boolean {
    for (const { bits } of this.patterns()) if ((bits & wanted) !== 0) return true;
    return false;
  }

  /** Bits of all rules that apply to a name. */
  bitsOf(name: string): number {
    const bits = this.#everyName | (this.#literals?.get(name) ?? 0);
    return bits | this.prefixBitsOf(name);
  }

  /** Bits of the rules whose prefix the name, or another prefix, begins with. */
  prefixBitsOf(name: string): number {
    const prefixes = this.#prefixes;
    if (prefixes === undefined) return 0;
    let bits = 0;
    for (const { length } of this.#lengths) {
      if (length > name.length) break;
      bits |= prefixes.get(name.slice(0, length)) ?? 0;
    }
    return bits;
  }

  /** Bits of the rules for one literal name other than `*`, without prefixes. */
  literalBitsOf(name: string): number {
    return this.#literals?.get(name) ?? 0;
  }

  /** Literal names other than `*`, with their bits. */
  get literals(): Iterable<readonly [name: string, bits: number]> {
    return this.#literals ?? [];
  }

  get prefixes(): Iterable<readonly [prefix: string, bits: number]> {
    return this.#prefixes ?? [];
  }

  /** Bits of the rules whose pattern is exactly this one. */
  patternBits({ patternType, resourceName }: Pick<Acl, 'patternType' | 'resourceName'>): number {
    if (patternType === 'prefixed') return this.#prefixes?.get(resourceName) ?? 0;
    return resourceName === EVERY_NAME ? this.#everyName : this.literalBitsOf(resourceName);
  }

  /** Replaces the bits of one pattern; 0 removes the pattern. */
  setPatternBits(pattern: Pick<Acl, 'patternType' | 'resourceName'>, bits: number): void {
    const { patternType, resourceName } = pattern;
    if (patternType === 'prefixed') {
      const change = Number(bits !== 0) - Number(this.patternBits(pattern) !== 0);
      this.#prefixes = withBits(this.#prefixes, resourceName, bits);
      if (change !== 0) this.#countLength(resourceName.length, change);
    } else if (resourceName === EVERY_NAME) {
      this.#everyName = bits;
    } else {
      this.#literals = withBits(this.#literals, resourceName, bits);
    }
  }

  /** All patterns with their bits. */
  *patterns(): Generator<Pick<Acl, 'patternType' | 'resourceName'> & { readonly bits: number }> {
    if (this.#everyName !== 0) {
      yield { patternType: 'literal', resourceName: EVERY_NAME, bits: this.#everyName };
    }
    for (const [resourceName, bits] of this.literals) {
      yield { patternType: 'literal', resourceName, bits };
    }
    for (const [resourceName, bits] of this.prefixes) {
      yield { patternType: 'prefixed', resourceName, bits };
    }
  }

  #countLength(length: number, change: number): void {
    const lengths = this.#lengths;
    const at = lengths.findIndex((entry) => entry.length >= length);
    const entry = lengths[at];
    if (entry?.length !== length) {
      lengths.splice(at === -1 ? lengths.length : at, 0, { length, count: change });
      return;
    }
    entry.count += change;
    if (entry.count === 0) lengths.splice(at, 1);
  }
}

/** Sets or removes the bits of a name; undefined in place of an empty map. */
function withBits(
  map: Map<string, number> | undefined,
  name: string,
  bits: number,
): Map<string, number> | undefined {
  if (bits !== 0) return (map ?? new Map<string, number>()).set(name, bits);
  map?.delete(name);
  return map?.size === 0 ? undefined : map;
}
