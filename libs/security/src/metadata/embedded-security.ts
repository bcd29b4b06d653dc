import { ProtocolError } from '#protocol';
import { type Random, SerialQueue } from '#runtime';
import type { Revocation, SecurityChange } from './security-change.js';
import { SecurityDisk, type SecurityDiskOptions } from './security-disk.js';
import { checkedChanges, type SecurityLimits } from './security-limits.js';
import type {
  RevocationResult,
  SecurityListener,
  SecurityMetadata,
  SecurityStatus,
  SecurityView,
} from './security-metadata.js';

export interface EmbeddedSecurityOptions extends SecurityDiskOptions {
  readonly brokerId: number;
  readonly random: Random;
  readonly limits: SecurityLimits;
}

/**
 * The security metadata of a cluster of one broker, on the disk of that broker.
 *
 * Overlap: all calls may overlap; a serial queue decides and writes updates one after the other.
 */
export class EmbeddedSecurity implements SecurityMetadata {
  /** Always 0: the only broker knows everything. */
  readonly staleMs = 0;
  #isAvailable = true;
  readonly #disk: SecurityDisk;
  readonly #options: EmbeddedSecurityOptions;
  readonly #updates = new SerialQueue();

  private constructor(options: EmbeddedSecurityOptions, disk: SecurityDisk) {
    this.#options = options;
    this.#disk = disk;
  }

  /**
   * Opens the metadata of a data directory, which must exist.
   * @throws DataDirError when a journal is damaged
   */
  static async open(options: EmbeddedSecurityOptions): Promise<EmbeddedSecurity> {
    return new EmbeddedSecurity(options, await SecurityDisk.open(options));
  }

  /** False after a write failed, until one succeeds. */
  get isAvailable(): boolean {
    return this.#isAvailable;
  }

  get view(): SecurityView {
    return this.#disk.state;
  }

  update(decide: (view: SecurityView) => readonly SecurityChange[]): Promise<void> {
    return this.#updates.run(async () => {
      const { limits, random } = this.#options;
      const changes = checkedChanges(this.#disk.state, decide(this.#disk.state), limits);
      if (changes.length === 0) return;
      const { version, changeId } = this.#disk.position;
      await this.#stored(
        this.#disk.commit({
          version: version + 1,
          changeId: random.uuid(),
          previousChangeId: changeId,
          changes,
        }),
      );
    });
  }

  async revoke(revocations: readonly Revocation[]): Promise<RevocationResult> {
    await this.#stored(this.#disk.revoke(revocations));
    return { appliedBy: [this.#options.brokerId], missing: [] };
  }

  onChange(listener: SecurityListener): () => void {
    return this.#disk.onChange(listener);
  }

  status(): SecurityStatus {
    return this.#disk.status();
  }

  /** Resolves when the writes in progress have ended. */
  async close(): Promise<void> {
    await this.#updates.run(() => undefined);
    await this.#disk.close();
  }

  /** Turns a failure of the disk into the error of a request. */
  async #stored(write: Promise<unknown>): Promise<void> {
    try {
      await write;
      this.#isAvailable = true;
    } catch (cause) {
      this.#isAvailable = false;
      throw new ProtocolError(
        'KAFKA_STORAGE_ERROR',
        'The security metadata could not be written to disk.',
        { outcome: 'unknown', cause },
      );
    }
  }
}
