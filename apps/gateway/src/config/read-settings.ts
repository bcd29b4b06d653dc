import { problemLine, readValues, unreadVariables } from '#settings';
import {
  CLUSTER_SETTINGS,
  type Contradiction,
  clusterContradictions,
  derivedClusterSettings,
} from './cluster-settings.js';
import { credentialContradictions } from './credential-settings.js';
import { operatorContradictions, servedParts } from './operator-settings.js';
import { withSecretFiles } from './secret-files.js';
import { securityContradictions } from './security-settings.js';
import { SETTINGS, type Settings } from './settings.js';
import { tlsContradictions } from './tls-settings.js';

/** The result of reading the environment. */
export type ReadSettings =
  | { readonly ok: true; readonly settings: Settings; readonly warnings: readonly string[] }
  | {
      readonly ok: false;
      /** One line per problem: the variable, its value and what is accepted. */
      readonly problems: readonly string[];
      readonly warnings: readonly string[];
    };

/** Variables of the command line and of the commands in the banner: a shell may have them, too. */
const CLIENT_VARIABLES = ['SLUICE_API_KEY', 'SLUICE_TOKEN', 'SLUICE_URL'];

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads every setting from environment variables. All problems are reported at once, so that a user
 * can fix them together.
 */
export function readSettings(environment: Environment): ReadSettings {
  const files = withSecretFiles(SETTINGS, environment);
  const { values, problems } = readValues(SETTINGS, files.environment);
  const warnings = warningsOf(files.environment);
  const all = [...files.problems, ...problems];
  if (all.length > 0) return { ok: false, problems: all, warnings };
  const undecided = [
    ...securityContradictions(values as unknown as Settings, environment),
    ...credentialContradictions(values as unknown as Settings, environment),
    ...operatorContradictions(values as unknown as Settings),
  ];
  const settings = withDerivedDefaults(values);
  const contradicting = [...undecided.map(lineOf), ...contradictions(settings)];
  return contradicting.length === 0
    ? { ok: true, settings, warnings }
    : { ok: false, problems: contradicting, warnings };
}

/** The table filled `values`, so it has each name with its own type. */
function withDerivedDefaults(values: Readonly<Record<string, unknown>>): Settings {
  const read = values as unknown as Settings;
  return {
    ...read,
    ...derivedClusterSettings(read),
    ...servedParts(read),
    syncsInFlightMax: read.syncsInFlightMax ?? Math.floor((read.ioThreads * 3) / 4),
    corsOrigins: read.corsOrigins ?? [],
    auth: read.auth ?? 'off',
    superUsers: read.superUsers ?? [],
    bootstrapKeys: read.bootstrapKeys ?? [],
  };
}

/** Returns problems of values that are valid alone but not together. */
function contradictions(settings: Settings): string[] {
  const problems = [...tlsContradictions(settings), ...clusterContradictions(settings)].map(lineOf);
  if (settings.syncsInFlightMax >= settings.ioThreads) {
    problems.push(
      problemLine(
        SETTINGS.syncsInFlightMax.variable,
        String(settings.syncsInFlightMax),
        `a whole number below ${SETTINGS.ioThreads.variable} (${settings.ioThreads})`,
      ),
    );
  }
  if (settings.requestMemoryBytes < settings.requestBytesMax) {
    problems.push(
      problemLine(
        SETTINGS.requestMemoryBytes.variable,
        String(settings.requestMemoryBytes),
        `at least ${SETTINGS.requestBytesMax.variable} (${settings.requestBytesMax})`,
      ),
    );
  }
  return problems;
}

function lineOf({ variable, given, accepts }: Contradiction): string {
  return problemLine(variable, given, accepts);
}

/** Returns warnings for variables that are set without an effect. */
function warningsOf(environment: Environment): string[] {
  const isCluster = isSet(environment[SETTINGS.redisUrl.variable]);
  const idle = isCluster
    ? []
    : Object.values(CLUSTER_SETTINGS)
        .filter(({ variable }) => isSet(environment[variable]))
        .map(({ variable }) => `${variable} has no effect without ${SETTINGS.redisUrl.variable}`);
  return [...idle, ...unreadVariables(SETTINGS, environment, CLIENT_VARIABLES)].toSorted();
}

function isSet(text: string | undefined): boolean {
  return text !== undefined && text.trim() !== '';
}
