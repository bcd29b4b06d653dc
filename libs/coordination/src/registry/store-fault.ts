/**
 * The reason why the metadata cannot be changed: one word for metrics and one sentence for people.
 */
export interface StoreFault {
  readonly reason: StoreFaultReason;
  /** A whole sentence with the problem and its remedy. */
  readonly sentence: string;
}

export type StoreFaultReason = keyof typeof SENTENCES;

const SENTENCES = {
  away: 'Redis is away or not up to date.',
  'out-of-memory':
    'Redis is out of memory (OOM) and refuses writes: raise its maxmemory, or remove other data from it.',
  'read-only':
    'Redis is a read-only replica (READONLY) and refuses writes: SLUICE_REDIS_URL must name the master.',
  'no-credentials':
    'Redis refuses the credentials (NOAUTH, WRONGPASS): check user and password in SLUICE_REDIS_URL.',
  'no-permission':
    'Redis denies its user commands that brokers need (NOPERM): check the ACL of the user in SLUICE_REDIS_URL.',
  loading: 'Redis is loading its data from disk (LOADING) and answers when that is done.',
  'cannot-save':
    'Redis cannot write its data to disk (MISCONF) and refuses writes: check its disk and its log.',
  'cluster-down': 'The Redis Cluster is down (CLUSTERDOWN): some of its slots have no master.',
  'too-few-replicas':
    'Redis has fewer replicas than its min-replicas-to-write (NOREPLICAS) and refuses writes.',
  'too-many-clients': 'Redis has as many clients as its maxclients and refuses more.',
  busy: 'Redis is busy with a script of another client (BUSY) and answers when that has ended.',
  refused: 'Redis answers with an error and changes nothing: see the log of this broker.',
} as const;

/** Error codes of Redis: the first word of an error reply, or part of a script's error. */
const REASONS: Readonly<Record<string, StoreFaultReason>> = {
  OOM: 'out-of-memory',
  READONLY: 'read-only',
  NOAUTH: 'no-credentials',
  WRONGPASS: 'no-credentials',
  NOPERM: 'no-permission',
  'The user executing the script': 'no-permission',
  LOADING: 'loading',
  MASTERDOWN: 'loading',
  MISCONF: 'cannot-save',
  CLUSTERDOWN: 'cluster-down',
  NOREPLICAS: 'too-few-replicas',
  'max number of clients': 'too-many-clients',
  BUSY: 'busy',
};
const CODE = new RegExp(`(?:^|[-: ])(${Object.keys(REASONS).join('|')})(?= )`);

/**
 * The fault that an error of the registry means; `otherwise` when no error reply of Redis
 * caused it.
 */
export function storeFaultOf(error: unknown, otherwise: StoreFaultReason = 'away'): StoreFault {
  let cause = error;
  while (cause instanceof Error) {
    const code = CODE.exec(cause.message)?.[1];
    const reason = code === undefined ? undefined : REASONS[code];
    if (reason !== undefined) return { reason, sentence: SENTENCES[reason] };
    cause = cause.cause;
  }
  return { reason: otherwise, sentence: SENTENCES[otherwise] };
}
