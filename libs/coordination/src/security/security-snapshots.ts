import {
  type ChangeDocument,
  changeDocument,
  changeOf,
  type SecurityPosition,
  type SecuritySignatures,
  type SecurityState,
} from '#security';
import type { SecurityRegistry } from './security-registry.js';

/** Chunks per call. */
const CHUNKS_PER_CALL = 20;

/** Description of a snapshot in the registry. */
export interface SecuritySnapshot {
  /** The commit whose state the snapshot has. */
  readonly position: SecurityPosition;
  /** The commit that a rebuild continued under the name `position`; else the same as that. */
  readonly basis: SecurityPosition;
  readonly chunks: number;
  /** Length of all chunks together. */
  readonly sizeBytes: number;
}

interface SnapshotDocument {
  readonly version: number;
  readonly change_id: string;
  readonly basis_version: number;
  readonly basis_change_id: string;
  readonly chunks: number;
  readonly size_bytes: number;
  readonly signature: string;
}

/** Something in the registry was not written by a broker that knows the cluster secret. */
export class ForgedMetadataError extends Error {
  override readonly name = 'ForgedMetadataError';
}

/** The registry does not have all parts of a snapshot. */
export class IncompleteSnapshotError extends Error {
  override readonly name = 'IncompleteSnapshotError';
}

/**
 * Snapshots of the security metadata in the registry, in chunks that are signed one by one.
 *
 * Overlap: all methods may overlap.
 */
export class SecuritySnapshots {
  readonly #registry: SecurityRegistry;
  readonly #signatures: SecuritySignatures;

  constructor(registry: SecurityRegistry, signatures: SecuritySignatures) {
    this.#registry = registry;
    this.#signatures = signatures;
  }

  /**
   * Stores the chunks of a state, which must not change meanwhile.
   * @returns the text to install
   */
  async store(
    state: SecurityState,
    position: SecurityPosition,
    basis: SecurityPosition,
  ): Promise<string> {
    const { changeId } = position;
    let pending: string[] = [];
    let chunks = 0;
    let sizeBytes = 0;
    const flush = async (): Promise<void> => {
      await this.#registry.putChunks(changeId, chunks - pending.length, pending);
      pending = [];
    };
    for (const changes of state.snapshot()) {
      const text = JSON.stringify(changes.map(changeDocument));
      const signature = this.#signatures.sign(['chunk', changeId, chunks, text]);
      pending.push(`${signature} ${text}`);
      chunks += 1;
      sizeBytes += text.length;
      if (pending.length === CHUNKS_PER_CALL) await flush();
    }
    if (pending.length > 0) await flush();
    return this.#text({ position, basis, chunks, sizeBytes });
  }

  /** @throws ForgedMetadataError */
  parse(text: string): SecuritySnapshot {
    const document = parsed(text);
    const snapshot = {
      position: { version: document.version, changeId: document.change_id },
      basis: { version: document.basis_version, changeId: document.basis_change_id },
      chunks: document.chunks,
      sizeBytes: document.size_bytes,
    };
    if (this.#signatures.isSigned(signedValue(snapshot), document.signature)) return snapshot;
    throw new ForgedMetadataError('the snapshot of the security metadata is not signed');
  }

  /**
   * Reads a snapshot into an empty state.
   * @throws ForgedMetadataError, IncompleteSnapshotError
   */
  async load({ position, chunks }: SecuritySnapshot, state: SecurityState): Promise<void> {
    const { changeId } = position;
    for (let first = 0; first < chunks; first += CHUNKS_PER_CALL) {
      const count = Math.min(CHUNKS_PER_CALL, chunks - first);
      const texts = await this.#registry.chunks(changeId, first, count);
      for (const [offset, stored] of texts.entries()) {
        state.apply(this.#changesOf(changeId, first + offset, stored));
      }
    }
  }

  #changesOf(changeId: string, index: number, stored: string | undefined) {
    if (stored === undefined) {
      throw new IncompleteSnapshotError(`chunk ${index} of the security metadata is missing`);
    }
    const end = stored.indexOf(' ');
    const text = stored.slice(end + 1);
    if (!this.#signatures.isSigned(['chunk', changeId, index, text], stored.slice(0, end))) {
      throw new ForgedMetadataError(`chunk ${index} of the security metadata is not signed`);
    }
    return (JSON.parse(text) as ChangeDocument[]).map(changeOf);
  }

  #text(snapshot: SecuritySnapshot): string {
    const { position, basis, chunks, sizeBytes } = snapshot;
    return JSON.stringify({
      version: position.version,
      change_id: position.changeId,
      basis_version: basis.version,
      basis_change_id: basis.changeId,
      chunks,
      size_bytes: sizeBytes,
      signature: this.#signatures.sign(signedValue(snapshot)),
    } satisfies SnapshotDocument);
  }
}

function parsed(text: string): SnapshotDocument {
  try {
    return Object(JSON.parse(text)) as SnapshotDocument;
  } catch (cause) {
    throw new ForgedMetadataError('the snapshot of the security metadata is not JSON', { cause });
  }
}

function signedValue({ position, basis, chunks, sizeBytes }: SecuritySnapshot) {
  return [
    'snapshot',
    position.version,
    position.changeId,
    basis.version,
    basis.changeId,
    chunks,
    sizeBytes,
  ] as const;
}
