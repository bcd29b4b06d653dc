/** Tells whether the issuer of tokens has withdrawn a key. */
export interface IssuerKeys {
  /** @param thumbprint of the key (RFC 7638) */
  isWithdrawn(thumbprint: string): boolean;
}
