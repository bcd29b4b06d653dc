import type { SharedAccount } from '#runtime';
import type { PrincipalShares } from './principal-shares.js';

/**
 * Memory that a connection or a request holds, counted in the memory of all requests and in the
 * share of its principal. The principal may become another one, with what it holds.
 */
export class PrincipalMemory implements SharedAccount {
  readonly #all: SharedAccount;
  readonly #shares: PrincipalShares;
  #principal: string;
  #heldBytes = 0;

  constructor(all: SharedAccount, shares: PrincipalShares, principal: string) {
    this.#all = all;
    this.#shares = shares;
    this.#principal = principal;
  }

  /** Moves everything that is held to the share of another principal, which may exceed it. */
  belongTo(principal: string): void {
    if (principal === this.#principal) return;
    this.#shares.give('requestMemory', this.#principal, this.#heldBytes);
    this.#shares.takeAnyway('requestMemory', principal, this.#heldBytes);
    this.#principal = principal;
  }

  /** @throws ProtocolError THROTTLING_QUOTA_EXCEEDED, and the error of the memory of all */
  hold(sizeBytes: number): void {
    this.#shares.take('requestMemory', this.#principal, sizeBytes);
    try {
      this.#all.hold(sizeBytes);
    } catch (error) {
      this.#shares.give('requestMemory', this.#principal, sizeBytes);
      throw error;
    }
    this.#heldBytes += sizeBytes;
  }

  holdAnyway(sizeBytes: number): void {
    this.#shares.takeAnyway('requestMemory', this.#principal, sizeBytes);
    this.#all.holdAnyway(sizeBytes);
    this.#heldBytes += sizeBytes;
  }

  release(sizeBytes: number): void {
    this.#shares.give('requestMemory', this.#principal, sizeBytes);
    this.#all.release(sizeBytes);
    this.#heldBytes -= sizeBytes;
  }
}
