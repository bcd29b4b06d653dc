import { createHmac, timingSafeEqual } from 'node:crypto';
import { RecentMap } from '../recent-map.js';

/** Tokens that were compared lately: a producer sends the same one with every request. */
const REMEMBERED_MAX = 10_000;

/** Separates this use of the secret from all others. */
const PURPOSE = 'sluice producer token 1';

/** An id and epoch that a broker issued to a producer. */
export interface IssuedProducer {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/**
 * Issues and checks producer tokens. A token proves that its producer id was issued to this
 * principal: nobody writes under the id of another one.
 *
 * A token is a MAC of id, epoch and principal, so that nothing is stored and every broker with the
 * same secret accepts it.
 */
export class ProducerTokens {
  readonly #keys: readonly Buffer[];
  /** Tokens by the id, epoch and principal that they are for, one for each key. */
  readonly #remembered = new RecentMap<readonly Buffer[]>(REMEMBERED_MAX);
  #refusedTotal = 0;

  /** @param secrets the first one signs; tokens of the others are still accepted */
  constructor(secrets: readonly string[]) {
    this.#keys = secrets.map((secret) => createHmac('sha256', secret).update(PURPOSE).digest());
  }

  issue(principal: string, producer: IssuedProducer): string {
    return this.#tokensOf(principal, producer)[0]?.toString() ?? '';
  }

  /** Tokens that were not valid, since the start. */
  get refusedTotal(): number {
    return this.#refusedTotal;
  }

  isValid(token: string, principal: string, producer: IssuedProducer): boolean {
    const presented = Buffer.from(token);
    let isAny = false;
    for (const expected of this.#tokensOf(principal, producer)) {
      const isEqual = presented.length === expected.length && timingSafeEqual(presented, expected);
      isAny ||= isEqual;
    }
    if (!isAny) this.#refusedTotal += 1;
    return isAny;
  }

  #tokensOf(principal: string, { producerId, producerEpoch }: IssuedProducer): readonly Buffer[] {
    const signed = `${producerId} ${producerEpoch} ${principal}`;
    const known = this.#remembered.get(signed);
    if (known !== undefined) return known;
    const tokens = this.#keys.map((key) =>
      Buffer.from(createHmac('sha256', key).update(signed).digest('base64url')),
    );
    this.#remembered.set(signed, tokens);
    return tokens;
  }
}
