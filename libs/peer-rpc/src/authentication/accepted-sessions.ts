import { PeerSeal } from './peer-seal.js';
import type { PeerSecrets } from './peer-secrets.js';
import { SeenCounters } from './seen-counters.js';
import { partsOf, type SessionParties, unguessable } from './session-id.js';

/** Sessions of one caller: one for each of its processes, and those that a repeated hello opens. */
const SESSIONS_OF_CALLER_MAX = 8;
/** Sessions of all callers; each one takes about 8 KiB. */
const SESSIONS_MAX = 1024;

/** A session that another broker opened with this one. */
export class AcceptedSession {
  readonly seal: PeerSeal;
  readonly #seen = new SeenCounters();
  /** True after its first genuine call. */
  isUsed = false;

  constructor(
    readonly id: string,
    readonly caller: string,
    key: Buffer,
  ) {
    this.seal = new PeerSeal(key);
  }

  /** @returns false for a call that was received before */
  isNew(counter: number): boolean {
    this.isUsed = true;
    return this.#seen.add(counter);
  }
}

/**
 * The sessions that other brokers opened with this one. A session is remembered by its id alone,
 * which this broker draws: a session that is forgotten cannot be opened again, so that none of its
 * calls can be repeated.
 */
export class AcceptedSessions {
  readonly #secrets: PeerSecrets;
  /** Open sessions by their ids, the oldest first. */
  readonly #sessions = new Map<string, AcceptedSession>();

  constructor(secrets: PeerSecrets) {
    this.#secrets = secrets;
  }

  get count(): number {
    return this.#sessions.size;
  }

  /**
   * Opens a session with a caller that has proved to know the secret.
   * @param secret number of the secret that it proved to know
   */
  open(parties: SessionParties, secret: number): AcceptedSession {
    const id = unguessable();
    const key = this.#secrets.derivedKey(secret, ['session', ...partsOf(parties), id]);
    const session = new AcceptedSession(id, parties.caller, key);
    const ofCaller = [...this.#sessions.values()].filter(({ caller }) => caller === parties.caller);
    if (ofCaller.length >= SESSIONS_OF_CALLER_MAX) this.#drop(ofCaller);
    else if (this.#sessions.size >= SESSIONS_MAX) this.#drop([...this.#sessions.values()]);
    this.#sessions.set(id, session);
    return session;
  }

  find(id: string): AcceptedSession | undefined {
    return this.#sessions.get(id);
  }

  /** Forgets one of the sessions: the oldest that was never used, else the oldest. */
  #drop(sessions: readonly AcceptedSession[]): void {
    const dropped = sessions.find(({ isUsed }) => !isUsed) ?? sessions[0];
    if (dropped !== undefined) this.#sessions.delete(dropped.id);
  }
}
