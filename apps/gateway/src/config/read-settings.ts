import {
  CLUSTER_SETTINGS,
  clusterContradictions,
  derivedClusterSettings,
} from './cluster-settings.js';
import type { Setting } from './setting.js';
import { SETTINGS, type SettingName, type Settings } from './settings.js';

/** The result of reading the environment. */
export type ReadSettings =
  | { readonly ok: true; readonly settings: Settings; readonly warnings: readonly string[] }
  | {
      readonly ok: false;
      /** One line per problem: the variable, its value and what is accepted. */
      readonly problems: readonly string[];
      readonly warnings: readonly string[];
    };

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads every setting from environment variables; an empty value counts as unset, as in most
 * shells' `VARIABLE= command`. All problems are reported at once, so that a user can fix them
 * together.
 */
export function readSettings(environment: Environment): ReadSettings {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(SETTINGS) as [SettingName, Setting<unknown>][]) {
    const given = environment[setting.variable]?.trim();
    const text = given === undefined || given === '' ? setting.defaultText : given;
    const parsed = text === undefined ? undefined : setting.parse(text);
    if (parsed?.ok === false) problems.push(problem(setting, String(given)));
    values[name] = parsed?.ok === true ? parsed.value : undefined;
  }
  if (problems.length === 0) {
    const settings = withDerivedDefaults(values);
    problems.push(...contradictions(settings));
    if (problems.length === 0) return { ok: true, settings, warnings: warningsOf(environment) };
  }
  return { ok: false, problems, warnings: warningsOf(environment) };
}

/** The table filled `values`, so it has each name with its own type. */
function withDerivedDefaults(values: Readonly<Record<string, unknown>>): Settings {
  const read = values as unknown as Settings;
  return {
    ...read,
    ...derivedClusterSettings(read),
    syncsInFlightMax: read.syncsInFlightMax ?? Math.floor((read.ioThreads * 3) / 4),
    corsOrigins: read.corsOrigins ?? [],
  };
}

/** Returns problems of values that are valid alone but not together. */
function contradictions(settings: Settings): string[] {
  const problems = clusterContradictions(settings).map(({ variable, given, accepts }) =>
    line(variable, given, accepts),
  );
  if (settings.syncsInFlightMax >= settings.ioThreads) {
    problems.push(
      line(
        SETTINGS.syncsInFlightMax.variable,
        String(settings.syncsInFlightMax),
        `a whole number below ${SETTINGS.ioThreads.variable} (${settings.ioThreads})`,
      ),
    );
  }
  if (settings.requestMemoryBytes < settings.requestBytesMax) {
    problems.push(
      line(
        SETTINGS.requestMemoryBytes.variable,
        String(settings.requestMemoryBytes),
        `at least ${SETTINGS.requestBytesMax.variable} (${settings.requestBytesMax})`,
      ),
    );
  }
  return problems;
}

/**
 * Formats a problem. A secret is not repeated; of a Redis URL, which may contain a password, only
 * the masked form is.
 */
export function problem(setting: Setting<unknown>, text: string, reason?: string): string {
  const accepts = reason === undefined ? setting.accepts : `${setting.accepts} (${reason})`;
  if (setting.masked !== undefined) return line(setting.variable, setting.masked(text), accepts);
  if (setting.isSecret === true) return `${setting.variable} is set; accepted: ${accepts}`;
  return line(setting.variable, text, accepts);
}

function line(variable: string, text: string | undefined, accepts: string): string {
  const value = text === undefined ? 'not set' : JSON.stringify(text);
  return `${variable} is ${value}; accepted: ${accepts}`;
}

/**
 * Returns warnings for variables with our prefix that nothing reads, so that typing errors are
 * noticed.
 */
function warningsOf(environment: Environment): string[] {
  const variables = Object.values(SETTINGS).map((setting): string => setting.variable);
  const ofCluster = Object.values(CLUSTER_SETTINGS).map((setting): string => setting.variable);
  const isCluster = isSet(environment[SETTINGS.redisUrl.variable]);
  const warnings: string[] = [];
  for (const variable of Object.keys(environment).toSorted()) {
    if (!variable.startsWith('SLUICE_')) continue;
    if (variables.includes(variable)) {
      if (isCluster || !ofCluster.includes(variable) || !isSet(environment[variable])) continue;
      warnings.push(`${variable} has no effect without ${SETTINGS.redisUrl.variable}`);
      continue;
    }
    const nearest = nearestOf(variable, variables);
    const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
    warnings.push(`${variable} is not a setting and has no effect${hint}`);
  }
  return warnings;
}

function isSet(text: string | undefined): boolean {
  return text !== undefined && text.trim() !== '';
}

/** Returns the known name with the fewest edits, if they are few enough for a typing error. */
function nearestOf(name: string, variables: readonly string[]): string | undefined {
  let nearest: string | undefined;
  let leastDistance = 4;
  for (const candidate of variables) {
    const edits = editDistance(name, candidate);
    if (edits < leastDistance) {
      leastDistance = edits;
      nearest = candidate;
    }
  }
  return nearest;
}

/** Computes Levenshtein's distance, one row at a time. */
function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= right.length; j += 1) {
      const substituted = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}
