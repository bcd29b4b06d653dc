import {
  type CryptoKey,
  exportJWK,
  generateKeyPair,
  type JSONWebKeySet,
  type JWTHeaderParameters,
  type JWTPayload,
  SignJWT,
} from 'jose';

/** An issuer of tokens for tests: key pairs by id, and the key set that it publishes. */
export class TokenIssuer {
  readonly issuer: string;
  readonly #keys = new Map<string, { readonly private: CryptoKey; readonly public: CryptoKey }>();

  constructor(issuer: string) {
    this.issuer = issuer;
  }

  /** Adds a key pair of an algorithm such as `RS256`. */
  async addKey(kid: string, alg: string): Promise<void> {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
    this.#keys.set(kid, { private: privateKey, public: publicKey });
  }

  withdrawKey(kid: string): void {
    this.#keys.delete(kid);
  }

  publicKey(kid: string): CryptoKey {
    return this.#key(kid).public;
  }

  async keySet(): Promise<JSONWebKeySet> {
    const keys = [...this.#keys].map(async ([kid, { public: key }]) => ({
      ...(await exportJWK(key)),
      kid,
    }));
    return { keys: await Promise.all(keys) };
  }

  /** Signs the claims as they are. */
  sign(
    claims: JWTPayload,
    header: JWTHeaderParameters & { readonly kid: string },
  ): Promise<string> {
    return new SignJWT(claims).setProtectedHeader(header).sign(this.#key(header.kid).private);
  }

  #key(kid: string): { readonly private: CryptoKey; readonly public: CryptoKey } {
    const key = this.#keys.get(kid);
    if (key === undefined) throw new Error(`the issuer has no key ${kid}`);
    return key;
  }
}
