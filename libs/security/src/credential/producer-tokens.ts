import { createHmac, timingSafeEqual } from 'node:crypto';
import { RecentMap } from '#runtime';

/** Producer ids whose tokens are remembered: a producer sends the same one with every request. */
const REMEMBERED_MAX = 10_000;

/** Separates this use of the secret from all others. */
const PURPOSE = 'sluice producer token 1';

/** An id and epoch that a broker issued to a producer. */
export interface IssuedProducer {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** The valid tokens of a producer id for the caller that presented one last. */
interface RememberedTokens {
  readonly principal: string;
  readonly producerEpoch: number;
  /** One for each key. */
  readonly tokens: readonly Buffer[];
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
  /** The tokens of each producer id: a key that costs no text for each request. */
  readonly #remembered = new RecentMap<RememberedTokens, number>(REMEMBERED_MAX);
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
    const { producerId, producerEpoch } = producer;
    const presented = Buffer.from(token);
    const known = this.#remembered.get(producerId);
    if (known?.principal === principal && known.producerEpoch === producerEpoch) {
      return this.#counted(isOneOf(known.tokens, presented));
    }
    const tokens = this.#tokensOf(principal, producer);
    const isValid = isOneOf(tokens, presented);
    if (isValid) this.#remembered.set(producerId, { principal, producerEpoch, tokens });
    return this.#counted(isValid);
  }

  #counted(isValid: boolean): boolean {
    if (!isValid) this.#refusedTotal += 1;
    return isValid;
  }

  #tokensOf(principal: string, { producerId, producerEpoch }: IssuedProducer): readonly Buffer[] {
    const signed = `${producerId} ${producerEpoch} ${principal}`;
    return this.#keys.map((key) =>
      Buffer.from(createHmac('sha256', key).update(signed).digest('base64url')),
    );
  }
}

/** Compares with all tokens, in a time that depends only on their number. */
function isOneOf(tokens: readonly Buffer[], presented: Buffer): boolean {
  let isAny = false;
  for (const expected of tokens) {
    const isEqual = presented.length === expected.length && timingSafeEqual(presented, expected);
    isAny ||= isEqual;
  }
  return isAny;
}
