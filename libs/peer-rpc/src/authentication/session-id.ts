import { randomBytes } from 'node:crypto';

const RANDOM_BYTES = 16;

/** The parties of a session and what each of them drew for it. */
export interface SessionParties {
  readonly clusterUuid: string;
  readonly caller: string;
  readonly callee: string;
  /** Drawn by the caller. */
  readonly nonce: string;
}

/** Draws an unguessable value: the nonce of a caller, or the id of a session. */
export function unguessable(): string {
  return randomBytes(RANDOM_BYTES).toString('base64url');
}

/** The parts of a statement about a session. */
export function partsOf(parties: SessionParties): readonly string[] {
  return [parties.clusterUuid, parties.caller, parties.callee, parties.nonce];
}

/** The head of a call that its seal covers. */
export function callHead(path: string, sizeBytes: number): string {
  return `POST ${path} ${sizeBytes}`;
}

/** The head of an answer that its seal covers. */
export function answerHead(status: number): string {
  return `HTTP ${status}`;
}
