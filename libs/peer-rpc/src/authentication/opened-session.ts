import { PeerSeal } from './peer-seal.js';
import type { PeerSecrets } from './peer-secrets.js';
import { answerHead, callHead, partsOf, type SessionParties } from './session-id.js';

/** The parts of an answer that prove its origin. */
export interface ReceivedAnswer {
  readonly status: number;
  readonly seal: string | undefined;
  readonly body: Buffer;
}

/** Number of a call in its session, and its seal. */
export interface NumberedCall {
  readonly counter: number;
  readonly seal: string;
}

/** A session that this broker opened with another one. */
export class OpenedSession {
  readonly #seal: PeerSeal;
  #counter = 0;

  /** @param secret number of the secret that both brokers know */
  constructor(
    readonly id: string,
    secrets: PeerSecrets,
    secret: number,
    parties: SessionParties,
  ) {
    this.#seal = new PeerSeal(secrets.derivedKey(secret, ['session', ...partsOf(parties), id]));
  }

  /** Numbers and seals a call. */
  seal(path: string, sizeBytes: number, body: readonly Buffer[]): NumberedCall {
    this.#counter += 1;
    const counter = this.#counter;
    const head = callHead(path, sizeBytes);
    return { counter, seal: this.#seal.seal({ direction: 'call', counter, head, body }) };
  }

  /** True if the called broker sent this answer to the call with the given number. */
  isGenuine(counter: number, { status, seal, body }: ReceivedAnswer): boolean {
    const head = answerHead(status);
    return this.#seal.isSealed({ direction: 'answer', counter, head, body: [body] }, seal);
  }
}
