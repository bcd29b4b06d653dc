import { timingSafeEqual } from 'node:crypto';
import type { Access } from '#security';

/** Longest header that is remembered, in characters; longer ones are verified every time. */
const REMEMBERED_LENGTH_MAX = 8192;

const BASIC = /^basic /i;

/** Bytes of the header that is compared now. */
const scratch = Buffer.alloc(REMEMBERED_LENGTH_MAX);

/**
 * The last credential that a connection presented, so that its next request costs one comparison.
 *
 * While a connection presents one credential only, the texts are compared, which is fast and takes
 * longer the later they differ. Its client has proven that it has the credential, and learns
 * nothing from that time. A proxy may send the requests of several callers over one connection, and
 * one of them could measure how much of its guess is right: therefore all comparisons after the
 * first different header take constant time, until the connection ends. One time of some
 * nanoseconds on each connection is all that can be measured.
 */
export class RememberedCredential {
  readonly access: Access;
  /** True for Basic, which browsers add by themselves, also for pages of other sites. */
  readonly isBasic: boolean;
  readonly #header: string;
  /** The header in bytes, once the connection has presented another one; undefined before. */
  #bytes: Buffer | undefined;

  private constructor(header: string, access: Access) {
    this.#header = header;
    this.access = access;
    this.isBasic = BASIC.test(header);
  }

  /**
   * Returns undefined if the header is too long.
   * @param before what the connection has presented until now; undefined if this is its first one
   */
  static of(
    header: string,
    access: Access,
    before: RememberedCredential | undefined,
  ): RememberedCredential | undefined {
    if (header.length > REMEMBERED_LENGTH_MAX) return undefined;
    const remembered = new RememberedCredential(header, access);
    if (before !== undefined) remembered.#compareInConstantTime();
    return remembered;
  }

  /** True once all comparisons take constant time. */
  get takesConstantTime(): boolean {
    return this.#bytes !== undefined;
  }

  isOf(header: string): boolean {
    if (this.#bytes !== undefined) return isEqual(header, this.#bytes);
    if (header === this.#header) return true;
    this.#compareInConstantTime();
    return false;
  }

  #compareInConstantTime(): void {
    this.#bytes = Buffer.from(this.#header, 'latin1');
  }
}

/** Compares in a time that depends only on the lengths, which are not secrets. */
function isEqual(header: string, bytes: Buffer): boolean {
  if (header.length !== bytes.length) return false;
  const compared = scratch.subarray(0, header.length);
  compared.write(header, 'latin1');
  return timingSafeEqual(compared, bytes);
}
