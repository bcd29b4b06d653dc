import type { Random } from '../clock.js';

/** Size of the unit that a disk writes as a whole or not at all. */
export const SECTOR_BYTES = 512;

/** A change of a file that no sync covers yet. */
type FileChange = FileWrite | { readonly kind: 'truncate'; readonly sizeBytes: number };

interface FileWrite {
  readonly kind: 'write';
  readonly position: number;
  readonly bytes: Uint8Array;
}

/** A sync in progress: it takes effect on the platter when `succeed` or `fail` is called. */
export interface FakeSync {
  succeed(): void;
  fail(random: Random | undefined): void;
}

/** The ways in which a crash may keep a write; all are equally likely. */
const WRITE_FATES = [keepNothing, apply, keepSectors, keepPrefix, keepScattered, keepSizeOnly];

/**
 * The bytes of a file in two versions: as the running machine sees them, and as they are on the
 * platter. Changes between the two wait in order until a sync covers them or a crash decides their
 * fate.
 */
export class FakeFile {
  readonly seen = new GrowingBytes();
  /** Wall clock of the last write, ms; undefined when it is not known. */
  modifiedMs: number | undefined;
  readonly #platter = new GrowingBytes();
  #unsynced: FileChange[] = [];

  write(position: number, bytes: Uint8Array): void {
    this.#change({ kind: 'write', position, bytes: Uint8Array.from(bytes) });
  }

  truncate(sizeBytes: number): void {
    this.#change({ kind: 'truncate', sizeBytes });
  }

  /** Begins a sync of all changes made until now. */
  beginSync(): FakeSync {
    const covered = new Set(this.#unsynced);
    const take = () => {
      const applied = this.#unsynced.filter((change) => covered.has(change));
      this.#unsynced = this.#unsynced.filter((change) => !covered.has(change));
      return applied;
    };
    return {
      succeed: () => {
        for (const change of take()) apply(this.#platter, change);
      },
      // As on Linux: the pages count as clean, so no later sync writes them, yet they can be read
      // until the machine restarts. Some may have reached the platter.
      fail: (random) => {
        for (const change of take()) applyFate(this.#platter, change, random);
      },
    };
  }

  /** Restarts the machine: each unsynced change is kept, torn or lost on its own. */
  crash(random: Random | undefined): void {
    for (const change of this.#unsynced) applyFate(this.#platter, change, random);
    this.#unsynced = [];
    this.seen.truncate(0);
    this.seen.write(0, this.#platter.view());
  }

  /** Flips bits of the byte at `position`, on the platter and in memory. */
  corrupt(position: number, mask: number): void {
    this.seen.flip(position, mask);
    this.#platter.flip(position, mask);
    for (const change of this.#unsynced) {
      if (change.kind === 'write') flip(change.bytes, position - change.position, mask);
    }
  }

  get unsyncedChanges(): number {
    return this.#unsynced.length;
  }

  #change(change: FileChange): void {
    apply(this.seen, change);
    this.#unsynced.push(change);
  }
}

/** Bytes that grow when they are written to; gaps are zeros. */
class GrowingBytes {
  #bytes = new Uint8Array(64);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#size);
  }

  write(position: number, bytes: Uint8Array): void {
    this.#reach(position + bytes.length);
    this.#bytes.set(bytes, position);
  }

  truncate(sizeBytes: number): void {
    if (sizeBytes < this.#size) this.#bytes.fill(0, sizeBytes, this.#size);
    else this.#reach(sizeBytes);
    this.#size = sizeBytes;
  }

  /** Grows to at least this size. */
  extend(sizeBytes: number): void {
    this.#reach(sizeBytes);
  }

  flip(position: number, mask: number): void {
    if (position < this.#size) flip(this.#bytes, position, mask);
  }

  #reach(end: number): void {
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      grown.set(this.view());
      this.#bytes = grown;
    }
    this.#size = Math.max(this.#size, end);
  }
}

function apply(target: GrowingBytes, change: FileChange): void {
  if (change.kind === 'truncate') target.truncate(change.sizeBytes);
  else if (change.bytes.length > 0) target.write(change.position, change.bytes);
}

/** Applies what is left of a change after a crash; without randomness nothing. */
function applyFate(target: GrowingBytes, change: FileChange, random: Random | undefined): void {
  if (random === undefined) return;
  if (change.kind === 'truncate') {
    if (random.below(2) === 0) apply(target, change);
    return;
  }
  if (change.bytes.length > 0) {
    WRITE_FATES[random.below(WRITE_FATES.length)]?.(target, change, random);
  }
}

function keepNothing(): void {
  // The write never reached the platter.
}

function keepPrefix(target: GrowingBytes, write: FileWrite, random: Random): void {
  applyPrefix(target, write, random.below(write.bytes.length + 1));
}

function keepSectors(target: GrowingBytes, write: FileWrite, random: Random): void {
  const length = random.below(write.bytes.length + 1);
  applyPrefix(target, write, sectorBoundary(write.position, length));
}

/** Keeps or drops each sector of the write on its own. */
function keepScattered(target: GrowingBytes, { position, bytes }: FileWrite, random: Random): void {
  let start = 0;
  while (start < bytes.length) {
    const end = Math.min(bytes.length, start + SECTOR_BYTES - ((position + start) % SECTOR_BYTES));
    if (random.below(2) === 0) target.write(position + start, bytes.subarray(start, end));
    start = end;
  }
}

/** Keeps the size but not the data: zeros where the file has grown. */
function keepSizeOnly(target: GrowingBytes, { position, bytes }: FileWrite, random: Random): void {
  target.extend(position + 1 + random.below(bytes.length));
}

function applyPrefix(target: GrowingBytes, { position, bytes }: FileWrite, length: number): void {
  if (length > 0) target.write(position, bytes.subarray(0, length));
}

/** Greatest length up to `length` that ends at a sector boundary; 0 when there is none. */
function sectorBoundary(position: number, length: number): number {
  return Math.max(0, length - ((position + length) % SECTOR_BYTES));
}

function flip(bytes: Uint8Array, position: number, mask: number): void {
  const byte = bytes[position];
  if (byte !== undefined) bytes[position] = byte ^ mask;
}
