import { timingSafeEqual } from 'node:crypto';
import type { Access } from '#security';

/** Longest header that is remembered, in characters; longer ones are verified every time. */
const REMEMBERED_LENGTH_MAX = 8192;

/** Bytes of the header that is compared now. */
const scratch = Buffer.alloc(REMEMBERED_LENGTH_MAX);

/**
 * The last credential that a connection presented, so that its next request costs one comparison.
 * The comparison takes constant time, because a proxy may send the requests of several callers over
 * one connection.
 */
export class RememberedCredential {
  readonly #header: Buffer;
  /** The beginning of `scratch`, as long as the header. */
  readonly #compared: Buffer;
  readonly access: Access;

  private constructor(header: Buffer, access: Access) {
    this.#header = header;
    this.#compared = scratch.subarray(0, header.length);
    this.access = access;
  }

  /** Returns undefined if the header is too long. */
  static of(header: string, access: Access): RememberedCredential | undefined {
    if (header.length > REMEMBERED_LENGTH_MAX) return undefined;
    return new RememberedCredential(Buffer.from(header, 'latin1'), access);
  }

  isOf(header: string): boolean {
    if (header.length !== this.#header.length) return false;
    this.#compared.write(header, 'latin1');
    return timingSafeEqual(this.#compared, this.#header);
  }
}
