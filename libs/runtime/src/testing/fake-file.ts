import type { Random } from '../clock.js';

/** What a disk writes whole or not at all. */
export const SECTOR_BYTES = 512;

/** A change of a file that no sync has covered yet. */
type FileChange = FileWrite | { readonly kind: 'truncate'; readonly sizeBytes: number };

interface FileWrite {
  readonly kind: 'write';
  readonly position: number;
  readonly bytes: Uint8Array;
}

/** A sync under way: it has its effect on the platter when one of its two ends is called. */
export interface FakeSync {
  succeed(): void;
  fail(random: Random | undefined): void;
}

/** What a crash may leave of a write; each is as likely as the others. */
const WRITE_FATES = [keepNothing, apply, keepSectors, keepPrefix, keepScattered, keepSizeOnly];

/**
 * A file's bytes twice: as the running machine sees them, and as they stand on the platter. The
 * changes between the two wait in order until a sync covers them or a crash decides their fate.
 */
export class FakeFile {
  readonly seen = new GrowingBytes();
  /** Wall clock of the last write, ms; undefined while it is not known. */
  modifiedMs: number | undefined;
  readonly #platter = new GrowingBytes();
  #unsynced: FileChange[] = [];

  write(position: number, bytes: Uint8Array): void {
    this.#change({ kind: 'write', position, bytes: Uint8Array.from(bytes) });
  }

  truncate(sizeBytes: number): void {
    this.#change({ kind: 'truncate', sizeBytes });
  }

  /** Begins a sync of what was changed until now. */
  beginSync(): FakeSync {
    const covered = new Set(this.#unsynced);
    const take = () => {
      const taken = this.#unsynced.filter((change) => covered.has(change));
      this.#unsynced = this.#unsynced.filter((change) => !covered.has(change));
      return taken;
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

  /** The machine restarts: unsynced changes are kept, torn or lost, each on its own. */
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

/** Bytes that grow when they are written to; what is skipped is zero. */
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

  /** Makes the size at least this. */
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

/** Without randomness everything is lost. */
function applyFate(target: GrowingBytes, change: FileChange, random: Random | undefined): void {
  if (random === undefined) return;
  if (change.kind === 'truncate') {
    if (random.below(2) === 0) apply(target, change);
    return;
  }
  if (change.bytes.length > 0)
    WRITE_FATES[random.below(WRITE_FATES.length)]?.(target, change, random);
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

/** Each sector that the write touches arrives or does not. */
function keepScattered(target: GrowingBytes, { position, bytes }: FileWrite, random: Random): void {
  let start = 0;
  while (start < bytes.length) {
    const end = Math.min(bytes.length, start + SECTOR_BYTES - ((position + start) % SECTOR_BYTES));
    if (random.below(2) === 0) target.write(position + start, bytes.subarray(start, end));
    start = end;
  }
}

/** The size reaches the platter, the data does not: zeros where the file has grown. */
function keepSizeOnly(target: GrowingBytes, { position, bytes }: FileWrite, random: Random): void {
  target.extend(position + 1 + random.below(bytes.length));
}

function applyPrefix(target: GrowingBytes, { position, bytes }: FileWrite, length: number): void {
  if (length > 0) target.write(position, bytes.subarray(0, length));
}

/** The greatest length up to `length` that ends at the end of a sector; 0 when there is none. */
function sectorBoundary(position: number, length: number): number {
  return Math.max(0, length - ((position + length) % SECTOR_BYTES));
}

function flip(bytes: Uint8Array, position: number, mask: number): void {
  const byte = bytes[position];
  if (byte !== undefined) bytes[position] = byte ^ mask;
}
