/**
 * Issues producer ids that are never reused: not after a restart, not after the disk was lost, and
 * without a call to another broker.
 *
 * id = block * 2^21 + (brokerId mod 1024) * 2^11 + counter        counter in [0, 2048)
 *
 * A block is a second of time: `max(last block + 1, seconds since 2025-01-01)`, stored durably in
 * `producer-id-block.json` *before* its first id is issued. No id is issued twice because:
 *
 * - Brokers of one cluster have different ids (mod 1024), so their ids differ in bits 11 to 20.
 * - One process counts up within a block, and its next block is higher.
 * - After a restart the block is above the one on disk, no matter what the clock says.
 * - After the disk was lost the block is the current second. A process takes at most one block a
 *   second (2,048 ids a second; beyond that it throttles), so the lost one had not reached it,
 *   unless the clock was set back in between.
 *
 * Ids stay below 2^53 until the block reaches 2^32, in the year 2161. Overlap: all calls may
 * overlap; they share the allocation of a block.
 */

import { join } from 'node:path';
import { ProtocolError } from '#protocol';
import { assert, type Clock, type FileSystem } from '#runtime';
import { type DurableDocument, DurableJsonFile } from './durable-json-file.js';

const FILE_NAME = 'producer-id-block.json';
const BLOCK_EPOCH_MS = Date.UTC(2025, 0, 1);
const IDS_PER_BLOCK = 2 ** 11;
const BLOCK_STRIDE = 2 ** 21;
const BROKERS = 1024;
const BLOCK_INTERVAL_MS = 1000;

interface BlockDocument extends DurableDocument {
  readonly format_version: 1;
  /** The last block whose ids may have been issued. */
  readonly block: number;
}

export interface ProducerIdsOptions {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly dataDir: string;
  readonly brokerId: number;
}

export class ProducerIds {
  readonly #file: DurableJsonFile<BlockDocument>;
  readonly #clock: Clock;
  readonly #brokerId: number;
  /** The last block on disk; -1: none. */
  #lastBlock: number;
  #nextId = 0;
  /** End of the current block, exclusive. */
  #endId = 0;
  /** End of the ids that this broker may have issued, exclusive. */
  #issuedEndId: number;
  #allocatedAtMs = Number.NEGATIVE_INFINITY;
  #allocation: Promise<void> | undefined;

  private constructor(
    file: DurableJsonFile<BlockDocument>,
    options: ProducerIdsOptions,
    lastBlock: number,
  ) {
    this.#file = file;
    this.#clock = options.clock;
    this.#brokerId = options.brokerId;
    this.#lastBlock = lastBlock;
    // A disk that was lost may have had blocks up to the present second.
    const block = Math.max(lastBlock, this.#secondsNow, 0);
    this.#issuedEndId = this.#firstIdOf(block) + IDS_PER_BLOCK;
  }

  /** @throws DataDirError when its file cannot be read */
  static async open(options: ProducerIdsOptions): Promise<ProducerIds> {
    const path = join(options.dataDir, FILE_NAME);
    const file = new DurableJsonFile<BlockDocument>(options.fileSystem, path, 1);
    const document = await file.read();
    return new ProducerIds(file, options, document?.block ?? -1);
  }

  /**
   * A producer id that was never issued before.
   * @throws ProtocolError THROTTLING_QUOTA_EXCEEDED when the ids of this second are used up,
   *   KAFKA_STORAGE_ERROR when a new block cannot be written
   */
  async next(): Promise<number> {
    while (this.#nextId === this.#endId) {
      this.#allocation ??= this.#allocateBlock().finally(() => (this.#allocation = undefined));
      await this.#allocation;
    }
    const id = this.#nextId;
    this.#nextId += 1;
    this.#issuedEndId = Math.max(this.#issuedEndId, this.#nextId);
    return id;
  }

  /** True when only this broker issues the id, among brokers whose ids differ modulo 1,024. */
  isOwn(id: number): boolean {
    return Math.floor(id / IDS_PER_BLOCK) % BROKERS === this.#brokerId % BROKERS;
  }

  /**
   * True when this broker may have issued an id, in this process or an earlier one. False is
   * certain, except after a lost disk together with a clock that was set back, which breaks the ids
   * themselves.
   */
  mayHaveIssued(id: number): boolean {
    return this.isOwn(id) && id < this.#issuedEndId;
  }

  async #allocateBlock(): Promise<void> {
    const waitMs = this.#allocatedAtMs + BLOCK_INTERVAL_MS - this.#clock.monotonicMs();
    if (waitMs > 0) {
      throw new ProtocolError(
        'THROTTLING_QUOTA_EXCEEDED',
        `A broker issues at most ${IDS_PER_BLOCK} producer ids per second.`,
        { retryAfterMs: Math.ceil(waitMs) },
      );
    }
    const block = Math.max(this.#lastBlock + 1, this.#secondsNow, 0);
    const firstId = this.#firstIdOf(block);
    assert(Number.isSafeInteger(firstId + IDS_PER_BLOCK), 'producer ids are used up');
    // A write whose outcome is unknown may have stored the block: it is not reused.
    this.#lastBlock = block;
    await this.#file.write({ format_version: 1, block });
    this.#nextId = firstId;
    this.#endId = firstId + IDS_PER_BLOCK;
    this.#allocatedAtMs = this.#clock.monotonicMs();
  }

  get #secondsNow(): number {
    return Math.floor((this.#clock.nowMs() - BLOCK_EPOCH_MS) / 1000);
  }

  #firstIdOf(block: number): number {
    return block * BLOCK_STRIDE + (this.#brokerId % BROKERS) * IDS_PER_BLOCK;
  }
}
