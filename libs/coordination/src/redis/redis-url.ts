/**
 * The address of Redis as one URL.
 *
 * | URL | meaning |
 * |---|---|
 * | `redis://[[user]:password@]host[:6379][/db]` | one Redis |
 * | `redis+sentinel://[[user]:password@]host[:26379],host…/master[/db]` | a master by Sentinels |
 * | `redis+cluster://[[user]:password@]host[:6379],host…` | some nodes of a Redis Cluster |
 *
 * With `rediss` in place of `redis` all connections are encrypted; certificates are checked against
 * the system's authorities and those in NODE_EXTRA_CA_CERTS. User and password are Redis's own, in
 * percent encoding; those of Sentinels are the parameters `sentinelUser` and `sentinelPassword`.
 * IPv6 addresses are written in brackets.
 */

export interface RedisEndpoint {
  readonly mode: 'single' | 'sentinel' | 'cluster';
  /** The nodes, at least one; exactly one in mode `single`. */
  readonly nodes: readonly RedisNode[];
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly db: number;
  /** Name under which the Sentinels watch the master. */
  readonly masterName: string | undefined;
  readonly sentinelUsername: string | undefined;
  readonly sentinelPassword: string | undefined;
}

interface RedisNode {
  readonly host: string;
  readonly port: number;
}

/** The URL does not name a Redis; the message gives the reason, without the password. */
export class RedisUrlError extends Error {
  override readonly name = 'RedisUrlError';
}

const URL_PATTERN =
  /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:(?<user>[^:@/]*):(?<password>[^@/]*)@)?(?<nodes>[^/?@]+)(?<path>\/[^?]*)?(?:\?(?<query>.*))?$/;
const NODE_PATTERN = /^(?:\[(?<ipv6>[0-9a-fA-F:.]+)\]|(?<host>[^:[\]\s]+))(?::(?<port>\d{1,5}))?$/;
const SENTINEL_PARAMETERS = ['sentinelUser', 'sentinelPassword'];
const DEFAULT_PORT = { single: 6379, sentinel: 26_379, cluster: 6379 };

/** @throws RedisUrlError */
export function parseRedisUrl(url: string): RedisEndpoint {
  const match = URL_PATTERN.exec(url);
  if (match?.groups === undefined) {
    throw new RedisUrlError(
      'a Redis URL is redis://…, redis+sentinel://… or redis+cluster://…, or the same with rediss',
    );
  }
  const { user = '', password, nodes = '', path = '', query = '' } = match.groups;
  const mode = match[2] === 'sentinel' || match[2] === 'cluster' ? match[2] : 'single';
  const parsedNodes = nodes.split(',').map((node) => parseNode(node, DEFAULT_PORT[mode]));
  if (mode === 'single' && parsedNodes.length > 1) {
    throw new RedisUrlError('several nodes are redis+sentinel://… or redis+cluster://…');
  }
  const parameters = new URLSearchParams(query);
  const parameterNames = mode === 'sentinel' ? SENTINEL_PARAMETERS : [];
  if ([...parameters.keys()].some((name) => !parameterNames.includes(name))) {
    throw new RedisUrlError(
      `the parameters of a Sentinel URL are ${SENTINEL_PARAMETERS.join(' and ')}; others have none`,
    );
  }
  const segments = path.split('/').filter((segment) => segment !== '');
  const masterName = mode === 'sentinel' ? decoded(segments.shift()) : undefined;
  if (mode === 'sentinel' && masterName === undefined) {
    throw new RedisUrlError("a Sentinel URL's path is the name of the master: …/mymaster");
  }
  return {
    mode,
    nodes: parsedNodes,
    tls: match[1] === 'rediss',
    username: user === '' ? undefined : decoded(user),
    password: decoded(password),
    db: parseDb(segments, mode),
    masterName,
    sentinelUsername: parameters.get('sentinelUser') ?? undefined,
    sentinelPassword: parameters.get('sentinelPassword') ?? undefined,
  };
}

/** The nodes without secrets, for logs. */
export function describeEndpoint({ mode, nodes, masterName }: RedisEndpoint): string {
  const list = nodes.map(({ host, port }) => `${host}:${port}`).join(',');
  if (mode === 'single') return list;
  return mode === 'cluster' ? `cluster of ${list}` : `master ${masterName} of sentinels ${list}`;
}

function parseNode(text: string, defaultPort: number): RedisNode {
  const groups = NODE_PATTERN.exec(text)?.groups;
  const host = groups?.['ipv6'] ?? groups?.['host'];
  const port = Number(groups?.['port'] ?? defaultPort);
  if (host === undefined || port < 1 || port > 65_535) {
    // The text is not repeated: it may be part of a password that is not percent-encoded.
    throw new RedisUrlError('a node is a host, or a host and a port from 1 to 65535');
  }
  return { host, port };
}

function parseDb(segments: readonly string[], mode: RedisEndpoint['mode']): number {
  const [db] = segments;
  if (db === undefined) return 0;
  if (segments.length > 1 || !/^\d{1,4}$/.test(db)) {
    throw new RedisUrlError('the last part of the path is the number of a database');
  }
  if (mode === 'cluster' && db !== '0') {
    throw new RedisUrlError('a Redis Cluster has only database 0');
  }
  return Number(db);
}

function decoded(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw new RedisUrlError('the URL has a broken percent encoding', { cause: error });
  }
}
