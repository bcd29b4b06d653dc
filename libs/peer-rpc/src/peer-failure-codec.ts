/**
 * Codec for errors between brokers: JSON on the wire, the same classes on the other side.
 *
 * A broker of the version before or after may use other codes: a code that is unknown here becomes
 * UNKNOWN_SERVER_ERROR, with the outcome that the other broker sent.
 */
import {
  ERROR_CODES,
  type ErrorCode,
  type Fault,
  type Outcome,
  ProtocolError,
  type ProtocolErrorOptions,
} from '#protocol';
import { type LeadershipFault, NotLeaderError } from '#replication';

/** Reason for which a call has no answer. */
export type PeerFailure =
  /** The broker did not accept the call, so nothing was done. */
  | { readonly kind: 'refused'; readonly error: ProtocolError }
  /** The method ended with this error. */
  | { readonly kind: 'failed'; readonly error: ProtocolError | NotLeaderError };

interface ProtocolErrorJson {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly outcome: Outcome;
  readonly retriable: boolean;
  readonly members: ProtocolError['members'];
  readonly faults: readonly Fault[];
  readonly faultsOmitted: number;
  readonly retryAfterMs?: number;
}

interface NotLeaderJson {
  readonly fault: LeadershipFault;
  readonly leader: number | null;
  readonly leaderEpoch: number;
  readonly cause?: ProtocolErrorJson;
}

const OUTCOMES: readonly unknown[] = ['failed', 'unknown', 'applied'] satisfies Outcome[];
const LEADERSHIP_FAULTS: readonly unknown[] = [
  'NOT_LEADER_OR_FOLLOWER',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
] satisfies LeadershipFault[];

export function encodePeerFailure({ kind, error }: PeerFailure): Buffer {
  const body =
    error instanceof NotLeaderError
      ? { kind: 'not-leader', error: notLeaderJson(error) }
      : { kind, error: protocolErrorJson(error) };
  return Buffer.from(JSON.stringify(body));
}

/** @returns undefined if the bytes are not an error of a broker of this cluster */
export function decodePeerFailure(bytes: Buffer): PeerFailure | undefined {
  const body = parsed(bytes);
  if (!isObject(body)) return undefined;
  const { kind, error: json } = body;
  if (kind === 'not-leader') {
    const error = notLeaderError(json);
    return error === undefined ? undefined : { kind: 'failed', error };
  }
  if (kind !== 'refused' && kind !== 'failed') return undefined;
  const error = protocolError(json);
  return error === undefined ? undefined : { kind, error };
}

function protocolErrorJson(error: ProtocolError): ProtocolErrorJson {
  const { code, message, outcome, retriable, members, faults, faultsOmitted, retryAfterMs } = error;
  return {
    code,
    detail: message,
    outcome,
    retriable,
    members,
    faults,
    faultsOmitted,
    ...(retryAfterMs === undefined ? undefined : { retryAfterMs }),
  };
}

function notLeaderJson({ fault, leader, leaderEpoch, cause }: NotLeaderError): NotLeaderJson {
  return {
    fault,
    leader,
    leaderEpoch,
    ...(cause instanceof ProtocolError ? { cause: protocolErrorJson(cause) } : undefined),
  };
}

function protocolError(json: unknown): ProtocolError | undefined {
  if (!isObject(json)) return undefined;
  const { code, detail, outcome, retriable, members, retryAfterMs } = json;
  if (typeof code !== 'string' || typeof detail !== 'string') return undefined;
  const isKnown = Object.hasOwn(ERROR_CODES, code);
  return new ProtocolError(
    isKnown ? (code as ErrorCode) : 'UNKNOWN_SERVER_ERROR',
    isKnown ? detail : `${code}: ${detail}`,
    {
      outcome: isOutcome(outcome) ? outcome : 'unknown',
      ...(typeof retriable === 'boolean' ? { retriable } : undefined),
      ...(isObject(members) ? { members: membersOf(members) } : undefined),
      ...faultsOf(json),
      ...(typeof retryAfterMs === 'number' ? { retryAfterMs } : undefined),
    },
  );
}

function notLeaderError(json: unknown): NotLeaderError | undefined {
  if (!isObject(json)) return undefined;
  const { fault, leader, leaderEpoch, cause } = json;
  if (!isLeadershipFault(fault) || typeof leaderEpoch !== 'number') return undefined;
  if (leader !== null && typeof leader !== 'number') return undefined;
  const reason = protocolError(cause);
  return new NotLeaderError(
    fault,
    leader,
    leaderEpoch,
    reason === undefined ? {} : { cause: reason },
  );
}

function membersOf(members: Readonly<Record<string, unknown>>): ProtocolError['members'] {
  const validMembers: Record<string, string | number | boolean | null> = {};
  for (const [name, value] of Object.entries(members)) {
    if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) {
      validMembers[name] = value as string | number | boolean | null;
    }
  }
  return validMembers;
}

function faultsOf(
  json: Readonly<Record<string, unknown>>,
): Pick<ProtocolErrorOptions, 'faults' | 'faultCount'> {
  const { faults, faultsOmitted } = json;
  if (!Array.isArray(faults)) return {};
  const validFaults = faults.filter(isFault);
  const omitted = Number.isSafeInteger(faultsOmitted) ? Number(faultsOmitted) : 0;
  return { faults: validFaults, faultCount: validFaults.length + Math.max(0, omitted) };
}

function isFault(value: unknown): value is Fault {
  return (
    isObject(value) && typeof value['pointer'] === 'string' && typeof value['detail'] === 'string'
  );
}

function isOutcome(value: unknown): value is Outcome {
  return OUTCOMES.includes(value);
}

function isLeadershipFault(value: unknown): value is LeadershipFault {
  return LEADERSHIP_FAULTS.includes(value);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
