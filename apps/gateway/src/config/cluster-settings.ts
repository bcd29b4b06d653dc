/**
 * The part of the table of settings that applies in cluster mode, with SLUICE_REDIS_URL. Without it
 * these settings have no effect, and each one that is set causes a warning.
 */
import { isLoopback } from '#runtime';
import {
  choice,
  GIB,
  KIB,
  MIB,
  optional,
  optionalText,
  optionalWholeNumber,
  type Parsed,
  type SettingValue,
  TIMER_MS_MAX,
  wholeNumber,
} from '#settings';
import { pemFile } from './pem-file.js';

const SECRET_LENGTH_MIN = 16;

export const CLUSTER_SETTINGS = {
  clusterHost: optionalText({
    variable: 'SLUICE_CLUSTER_HOST',
    defaultNote: 'SLUICE_HOST',
    accepts: 'a host name or an IP address',
    isAccepted: isHost,
    sentence: 'Address of the private listener, which only other brokers call.',
  }),
  clusterPort: wholeNumber({
    variable: 'SLUICE_CLUSTER_PORT',
    byDefault: 0,
    min: 0,
    max: 65_535,
    sentence: 'Port of the private listener. 0 takes a free port.',
  }),
  clusterUrl: optional({
    variable: 'SLUICE_CLUSTER_URL',
    defaultNote: 'from host and port',
    accepts: 'an http or https URL of a host and a port, without path, query or user',
    parse: parseClusterUrl,
    sentence:
      'URL at which other brokers reach the private listener. Required if its host is a wildcard; `https` with the TLS files.',
  }),
  clusterSecret: secret(
    'SLUICE_CLUSTER_SECRET',
    'Secret that all brokers of the cluster share: a broker without it is neither served nor registered. Required in cluster mode.',
  ),
  clusterSecretPrevious: secret(
    'SLUICE_CLUSTER_SECRET_PREVIOUS',
    'The secret before, which is still accepted while the brokers are restarted one by one with a new SLUICE_CLUSTER_SECRET. Remove it afterwards.',
  ),
  clusterPlaintext: choice({
    variable: 'SLUICE_CLUSTER_PLAINTEXT',
    byDefault: 'refused',
    choices: ['refused', 'accepted'],
    sentence:
      'Calls between brokers without TLS when the private listener is not on a loopback address. `accepted`: anybody in the network between them can read records; calls are still authenticated.',
  }),
  clusterTlsCaFile: pemFile(
    'SLUICE_CLUSTER_TLS_CA_FILE',
    'PEM file of the authority that signs the certificates of all brokers. With the other two TLS files brokers talk over TLS, and each presents its certificate.',
  ),
  clusterTlsCertFile: pemFile(
    'SLUICE_CLUSTER_TLS_CERT_FILE',
    "PEM file of this broker's certificate, for the host of its cluster URL.",
  ),
  clusterTlsKeyFile: pemFile(
    'SLUICE_CLUSTER_TLS_KEY_FILE',
    "PEM file of the private key of this broker's certificate.",
  ),
  clusterArrivalTimeoutMs: wholeNumber({
    variable: 'SLUICE_CLUSTER_ARRIVAL_TIMEOUT_MS',
    byDefault: 60_000,
    min: 100,
    max: TIMER_MS_MAX,
    sentence:
      'Time that a call of another broker may take to arrive, and that a connection to the private listener may be open without a call.',
  }),
  leaseMs: wholeNumber({
    variable: 'SLUICE_LEASE_MS',
    byDefault: 6000,
    min: 300,
    max: 600_000,
    sentence:
      'Time for which a silent broker keeps its leaderships and ISR memberships. Must be the same for all brokers.',
  }),
  loopSilenceMaxMs: wholeNumber({
    variable: 'SLUICE_LOOP_SILENCE_MAX_MS',
    byDefault: 15_000,
    min: 1000,
    max: 600_000,
    sentence:
      'Time that the event loop of a broker may be busy or hang before its lease is no longer renewed. A broker that hangs is replaced after this time plus one lease.',
  }),
  replicaLagTimeMaxMs: wholeNumber({
    variable: 'SLUICE_REPLICA_LAG_TIME_MAX_MS',
    byDefault: 30_000,
    min: 300,
    max: TIMER_MS_MAX,
    sentence:
      "Kafka's `replica.lag.time.max.ms`: a follower that has not caught up for this time leaves the ISR.",
  }),
  replicaFetchWaitMaxMs: wholeNumber({
    variable: 'SLUICE_REPLICA_FETCH_WAIT_MAX_MS',
    byDefault: 500,
    min: 1,
    max: 60_000,
    sentence:
      "Kafka's `replica.fetch.wait.max.ms`: time that a follower's fetch waits for records.",
  }),
  replicaFetchMaxBytes: wholeNumber({
    variable: 'SLUICE_REPLICA_FETCH_MAX_BYTES',
    byDefault: 4 * MIB,
    min: KIB,
    max: GIB,
    sentence:
      "Kafka's `replica.fetch.max.bytes`: bytes of batches of one partition in a follower's fetch; a single larger batch is still sent. A higher value fills an empty replica faster, because a replica fetches again only after it has synced.",
  }),
  replicaFetchResponseMaxBytes: wholeNumber({
    variable: 'SLUICE_REPLICA_FETCH_RESPONSE_MAX_BYTES',
    byDefault: 10 * MIB,
    min: KIB,
    max: GIB,
    sentence:
      "Kafka's `replica.fetch.response.max.bytes`: bytes of batches of all partitions in a follower's fetch.",
  }),
  reassignmentBytesPerSecond: wholeNumber({
    variable: 'SLUICE_REASSIGNMENT_BYTES_PER_SECOND',
    byDefault: 50 * MIB,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    sentence:
      'Bytes per second that a broker fetches for all replicas that a reassignment adds, so that the copy does not delay produced records. 0: no bound.',
  }),
  replicaFetchers: wholeNumber({
    variable: 'SLUICE_REPLICA_FETCHERS',
    byDefault: 1,
    min: 1,
    max: 64,
    sentence:
      "Kafka's `num.replica.fetchers`: fetches that a follower has in flight to each other broker; they share the partitions.",
  }),
  preferredLeaderIntervalMs: wholeNumber({
    variable: 'SLUICE_PREFERRED_LEADER_INTERVAL_MS',
    byDefault: 300_000,
    min: 0,
    max: TIMER_MS_MAX,
    sentence:
      "Kafka's `leader.imbalance.check.interval.seconds`: interval at which the controller returns partitions to their preferred leaders. 0: never.",
  }),
  forwardsInFlightMax: wholeNumber({
    variable: 'SLUICE_FORWARDS_IN_FLIGHT_MAX',
    byDefault: 5,
    min: 1,
    max: 64,
    sentence:
      "Kafka's `max.in.flight.requests.per.connection`: produce calls in flight to one other broker; requests that arrive meanwhile share the next call.",
  }),
  leaderWaitMs: wholeNumber({
    variable: 'SLUICE_LEADER_WAIT_MS',
    byDefault: 10_000,
    min: 0,
    max: 600_000,
    sentence:
      'Time that a request other than a produce waits while its partition has no leader; after it: 503 `LEADER_NOT_AVAILABLE`. A produce waits for its `timeoutMs`.',
  }),
  clusterCallsMax: wholeNumber({
    variable: 'SLUICE_CLUSTER_CALLS_MAX',
    byDefault: 10_000,
    min: 10,
    max: 1_000_000,
    sentence: 'Calls of other brokers in flight, including waiting fetches; more are refused.',
  }),
  clusterMessageBytesMax: optionalWholeNumber({
    variable: 'SLUICE_CLUSTER_MESSAGE_BYTES_MAX',
    defaultNote: 'four times SLUICE_REQUEST_BYTES_MAX, at least 64 MiB',
    min: MIB,
    max: 2 * GIB,
    sentence:
      'Largest message between brokers: it must hold the largest produce request of a client and the largest fetch of a follower. Must be the same for all brokers.',
  }),
  clusterMemoryBytes: optionalWholeNumber({
    variable: 'SLUICE_CLUSTER_MEMORY_BYTES',
    defaultNote: 'four times SLUICE_CLUSTER_MESSAGE_BYTES_MAX',
    min: MIB,
    max: 64 * GIB,
    sentence: 'Memory for the messages of all calls of other brokers; above it calls are refused.',
  }),
};

/** Host names and IP addresses that a listener can bind to. */
export function isHost(value: string): boolean {
  return /^[a-zA-Z0-9._-]+$/.test(value) || /^[0-9a-fA-F:.]+$/.test(value);
}

type ClusterValues = {
  readonly [K in keyof typeof CLUSTER_SETTINGS]: SettingValue<(typeof CLUSTER_SETTINGS)[K]>;
};

/** Settings whose default is derived from other settings, with their effective values. */
export interface DerivedClusterSettings {
  readonly clusterHost: string;
  readonly clusterMessageBytesMax: number;
  readonly clusterMemoryBytes: number;
}

interface SettingsBeside {
  readonly host: string;
  readonly redisUrl: string | undefined;
  readonly requestBytesMax: number;
}

export function derivedClusterSettings(
  read: ClusterValues & SettingsBeside,
): DerivedClusterSettings {
  const clusterMessageBytesMax =
    read.clusterMessageBytesMax ?? Math.max(4 * read.requestBytesMax, 64 * MIB);
  return {
    clusterHost: read.clusterHost ?? read.host,
    clusterMessageBytesMax,
    clusterMemoryBytes: read.clusterMemoryBytes ?? 4 * clusterMessageBytesMax,
  };
}

/** One fault: the variable, its value (undefined: not set), and what is accepted. */
export interface Contradiction {
  readonly variable: string;
  readonly given: string | undefined;
  readonly accepts: string;
}

type ClusterModeSettings = Omit<ClusterValues, keyof DerivedClusterSettings> &
  DerivedClusterSettings &
  SettingsBeside;

/** Checks settings that a cluster requires, and values that are valid alone but not together. */
export function clusterContradictions(settings: ClusterModeSettings): Contradiction[] {
  if (settings.redisUrl === undefined) return [];
  return [
    ...addressContradictions(settings),
    ...tlsContradictions(settings),
    ...sizeContradictions(settings),
  ];
}

function addressContradictions(settings: ClusterModeSettings): Contradiction[] {
  const { clusterSecret, clusterUrl, clusterHost, clusterPort } = settings;
  const contradictions: Contradiction[] = [];
  if (clusterSecret === undefined) {
    const { variable, accepts } = CLUSTER_SETTINGS.clusterSecret;
    contradictions.push({
      variable,
      given: undefined,
      accepts: `${accepts}, the same for all brokers`,
    });
  }
  if (clusterUrl === undefined && (clusterHost === '0.0.0.0' || clusterHost === '::')) {
    const { variable, accepts } = CLUSTER_SETTINGS.clusterUrl;
    const why = `because the private listener is bound to all addresses (${clusterHost})`;
    contradictions.push({ variable, given: undefined, accepts: `${accepts}, ${why}` });
  }
  if (clusterUrl !== undefined && clusterPort === 0) {
    const { variable } = CLUSTER_SETTINGS.clusterPort;
    const why = `because ${CLUSTER_SETTINGS.clusterUrl.variable} names a port`;
    contradictions.push({
      variable,
      given: '0',
      accepts: `a whole number from 1 to 65535, ${why}`,
    });
  }
  return contradictions;
}

function tlsContradictions(settings: ClusterModeSettings): Contradiction[] {
  const { clusterTlsCaFile, clusterTlsCertFile, clusterTlsKeyFile } = settings;
  const { clusterUrl, clusterHost, clusterPlaintext } = settings;
  const files = { clusterTlsCaFile, clusterTlsCertFile, clusterTlsKeyFile };
  const fileCount = Object.values(files).filter((file) => file !== undefined).length;
  const contradictions: Contradiction[] = [];
  for (const [name, file] of Object.entries(files)) {
    if (file !== undefined || fileCount === 0) continue;
    const { variable, accepts } = CLUSTER_SETTINGS[name as keyof typeof files];
    const why = 'because TLS needs all three files';
    contradictions.push({ variable, given: undefined, accepts: `${accepts}, ${why}` });
  }
  if (fileCount === 0 && clusterPlaintext === 'refused' && !isLoopback(clusterHost)) {
    const { variable, accepts } = CLUSTER_SETTINGS.clusterTlsCertFile;
    const why =
      `because the private listener is not on a loopback address (${clusterHost}): set the three TLS files, ` +
      `or ${CLUSTER_SETTINGS.clusterPlaintext.variable}=accepted if only brokers can reach the network between them`;
    contradictions.push({ variable, given: undefined, accepts: `${accepts}, ${why}` });
  }
  const scheme = fileCount === 0 ? 'http:' : 'https:';
  if (clusterUrl !== undefined && !clusterUrl.startsWith(scheme)) {
    const { variable } = CLUSTER_SETTINGS.clusterUrl;
    const why = fileCount === 0 ? 'because no TLS files are set' : 'because TLS files are set';
    contradictions.push({ variable, given: clusterUrl, accepts: `a URL with ${scheme}//, ${why}` });
  }
  return contradictions;
}

function sizeContradictions(settings: ClusterModeSettings): Contradiction[] {
  const { clusterMessageBytesMax, clusterMemoryBytes, requestBytesMax } = settings;
  const { replicaFetchResponseMaxBytes, replicaLagTimeMaxMs, replicaFetchWaitMaxMs } = settings;
  const contradictions: Contradiction[] = [];
  // Small records take more bytes in a batch than in their request.
  const messageBytesMin = Math.max(2 * requestBytesMax, 2 * replicaFetchResponseMaxBytes);
  if (clusterMessageBytesMax < messageBytesMin) {
    contradictions.push({
      variable: CLUSTER_SETTINGS.clusterMessageBytesMax.variable,
      given: String(clusterMessageBytesMax),
      accepts:
        'at least twice SLUICE_REQUEST_BYTES_MAX and SLUICE_REPLICA_FETCH_RESPONSE_MAX_BYTES ' +
        `(${messageBytesMin})`,
    });
  }
  if (clusterMemoryBytes < clusterMessageBytesMax) {
    contradictions.push({
      variable: CLUSTER_SETTINGS.clusterMemoryBytes.variable,
      given: String(clusterMemoryBytes),
      accepts: `at least SLUICE_CLUSTER_MESSAGE_BYTES_MAX (${clusterMessageBytesMax})`,
    });
  }
  if (replicaLagTimeMaxMs < 2 * replicaFetchWaitMaxMs) {
    contradictions.push({
      variable: CLUSTER_SETTINGS.replicaLagTimeMaxMs.variable,
      given: String(replicaLagTimeMaxMs),
      accepts: `at least twice SLUICE_REPLICA_FETCH_WAIT_MAX_MS (${2 * replicaFetchWaitMaxMs})`,
    });
  }
  return contradictions;
}

function secret(variable: `SLUICE_${string}`, sentence: string) {
  return optionalText({
    variable,
    defaultNote: 'none',
    accepts: `${SECRET_LENGTH_MIN} to 1024 printable characters without spaces`,
    isAccepted: (value) => /^[\x21-\x7e]{1,1024}$/.test(value) && value.length >= SECRET_LENGTH_MIN,
    isSecret: true,
    sentence,
  });
}

function parseClusterUrl(value: string): Parsed<string> {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const isAccepted =
    url !== undefined &&
    (url.protocol === 'http:' || url.protocol === 'https:') &&
    (url.pathname === '/' || url.pathname === '') &&
    url.search === '' &&
    url.hash === '' &&
    url.username === '' &&
    url.password === '';
  return isAccepted ? { ok: true, value: url.origin } : { ok: false };
}
