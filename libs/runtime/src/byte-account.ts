/** Account of the memory that bytes are counted in. */
export interface ByteAccount {
  /** @throws Error of the account's owner if there is no room; then nothing was counted */
  hold(sizeBytes: number): void;
  release(sizeBytes: number): void;
}

/** Account of memory that many holders share. */
export interface SharedAccount extends ByteAccount {
  /** Counts bytes that already exist and will be released soon; it never refuses. */
  holdAnyway(sizeBytes: number): void;
}
