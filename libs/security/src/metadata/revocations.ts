/**
 * The revocations that this broker knows, on its own disk in `revocations.journal`: a set that only
 * grows. A revocation is on disk before anything acts on it, so a broker that obeyed it obeys it
 * after every crash, whatever the state of the rest of the metadata.
 *
 * A revocation is dropped a day after its `keptUntilMs`, when what it revokes has expired by every
 * clock of the cluster.
 *
 * Overlap: `add` may overlap; a serial queue runs one write after the other.
 */
import { createHash } from 'node:crypto';
import { type Clock, SerialQueue } from '#runtime';
import { JournalFile, type JournalFileOptions } from './journal-file.js';
import type { Revocation } from './security-change.js';

const JOURNAL_NAME = 'revocations.journal';
const PER_CHUNK = 1000;
/** Longest difference between the clocks of two brokers, ms. */
const CLOCK_DIFFERENCE_MS = 24 * 60 * 60 * 1000;
const DIGEST_BYTES = 16;

export interface RevocationsOptions extends Omit<JournalFileOptions, 'path'> {
  readonly dataDir: string;
  readonly clock: Clock;
}

export class Revocations {
  readonly #file: JournalFile;
  readonly #clock: Clock;
  readonly #writes = new SerialQueue();
  readonly #bySubject = new Map<string, Revocation>();
  /** XOR of the hashes of all revocations, which does not depend on their order. */
  readonly #digest = Buffer.alloc(DIGEST_BYTES);

  private constructor(options: RevocationsOptions) {
    this.#clock = options.clock;
    this.#file = new JournalFile({ ...options, path: `${options.dataDir}/${JOURNAL_NAME}` });
  }

  /** @throws DataDirError when the journal is damaged: a revocation must not be lost silently */
  static async open(options: RevocationsOptions): Promise<Revocations> {
    const revocations = new Revocations(options);
    const add = (value: unknown): void => {
      for (const revocation of value as Revocation[]) revocations.#remember(revocation);
    };
    await revocations.#file.open({ header: () => undefined, chunk: add, appended: add });
    return revocations;
  }

  get size(): number {
    return this.#bySubject.size;
  }

  /** Equal for equal sets. */
  get digest(): string {
    return this.#digest.toString('hex');
  }

  has(subject: string): boolean {
    return this.#bySubject.has(subject);
  }

  get(subject: string): Revocation | undefined {
    return this.#bySubject.get(subject);
  }

  all(): Iterable<Revocation> {
    return this.#bySubject.values();
  }

  /** True when a revocation is old enough to be dropped. */
  isOver({ keptUntilMs }: Revocation): boolean {
    return keptUntilMs !== null && keptUntilMs + CLOCK_DIFFERENCE_MS < this.#clock.nowMs();
  }

  /**
   * Adds revocations; resolves with those that were not known before, once they are on disk. A
   * subject that is revoked again is kept until the later of the two times.
   */
  add(revocations: readonly Revocation[]): Promise<readonly Revocation[]> {
    return this.#writes.run(async () => {
      const added = this.#notCovered(revocations);
      if (added.length === 0) return [];
      if (this.#file.mustBeReplaced || this.#file.isLong) await this.#replaceWith(added);
      else await this.#file.append(added);
      for (const revocation of added) this.#remember(revocation);
      return added;
    });
  }

  close(): Promise<void> {
    return this.#writes.run(() => this.#file.close());
  }

  #notCovered(revocations: readonly Revocation[]): Revocation[] {
    const added = new Map<string, Revocation>();
    for (const revocation of revocations) {
      const known = added.get(revocation.subject) ?? this.#bySubject.get(revocation.subject);
      if (this.isOver(revocation) || (known && !isLonger(revocation, known))) continue;
      added.set(revocation.subject, revocation);
    }
    return [...added.values()];
  }

  async #replaceWith(added: readonly Revocation[]): Promise<void> {
    for (const revocation of this.#bySubject.values()) {
      if (this.isOver(revocation)) this.#forget(revocation);
    }
    const all = [...this.#bySubject.values(), ...added];
    await this.#file.replace({}, function* chunks() {
      for (let start = 0; start < all.length; start += PER_CHUNK) {
        yield all.slice(start, start + PER_CHUNK);
      }
    });
  }

  #remember(revocation: Revocation): void {
    const known = this.#bySubject.get(revocation.subject);
    if (known !== undefined) this.#forget(known);
    this.#bySubject.set(revocation.subject, revocation);
    this.#mix(revocation);
  }

  #forget(revocation: Revocation): void {
    this.#bySubject.delete(revocation.subject);
    this.#mix(revocation);
  }

  /** Adds a revocation to the digest, or removes it. */
  #mix({ subject, keptUntilMs }: Revocation): void {
    const hash = createHash('sha256')
      .update(JSON.stringify([subject, keptUntilMs]))
      .digest();
    for (let index = 0; index < DIGEST_BYTES; index += 1) {
      this.#digest[index] = (this.#digest[index] ?? 0) ^ (hash[index] ?? 0);
    }
  }
}

function isLonger(revocation: Revocation, known: Revocation): boolean {
  if (known.keptUntilMs === null) return false;
  return revocation.keptUntilMs === null || revocation.keptUntilMs > known.keptUntilMs;
}
