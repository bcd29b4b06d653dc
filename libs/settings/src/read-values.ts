import type { Setting } from './setting.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** The values of a table by the name of each row, and one line per value that is not accepted. */
export interface ReadValues {
  /** A value is undefined if it is not set and has no default, or is not accepted. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly problems: readonly string[];
}

/** Number of edits up to which an unknown variable counts as a typing error. */
const TYPING_ERRORS_MAX = 3;

/**
 * Reads every row of a table from environment variables; an empty value counts as unset, as in most
 * shells' `VARIABLE= command`. All problems are reported at once, so that a user can fix them
 * together.
 */
export function readValues(
  table: Readonly<Record<string, Setting<unknown>>>,
  environment: Environment,
): ReadValues {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(table)) {
    const given = environment[setting.variable]?.trim();
    const text = given === undefined || given === '' ? setting.defaultText : given;
    const parsed = text === undefined ? undefined : setting.parse(text);
    if (parsed?.ok === false) problems.push(settingProblem(setting, String(given)));
    values[name] = parsed?.ok === true ? parsed.value : undefined;
  }
  return { values, problems };
}

/**
 * Formats a value that is not accepted. A secret is not repeated; of a URL that may contain a
 * password, only the masked form is.
 * @param reason explanation of the fault, if `accepts` of the row does not say enough
 */
export function settingProblem(setting: Setting<unknown>, text: string, reason?: string): string {
  const accepts = reason === undefined ? setting.accepts : `${setting.accepts} (${reason})`;
  if (setting.masked !== undefined) {
    return problemLine(setting.variable, setting.masked(text), accepts);
  }
  if (setting.isSecret === true) return `${setting.variable} is set; accepted: ${accepts}`;
  return problemLine(setting.variable, text, accepts);
}

/** @param text the value; undefined if the variable is not set */
export function problemLine(variable: string, text: string | undefined, accepts: string): string {
  const value = text === undefined ? 'not set' : JSON.stringify(text);
  return `${variable} is ${value}; accepted: ${accepts}`;
}

/**
 * Returns a warning for each variable with our prefix that no row reads, so that typing errors are
 * noticed.
 * @param others variables with our prefix that another program reads
 */
export function unreadVariables(
  table: Readonly<Record<string, Setting<unknown>>>,
  environment: Environment,
  others: readonly string[] = [],
): string[] {
  const variables = Object.values(table).map((setting): string => setting.variable);
  const warnings: string[] = [];
  for (const variable of Object.keys(environment).toSorted()) {
    if (!variable.startsWith('SLUICE_') || others.includes(variable)) continue;
    if (variables.includes(variable)) continue;
    const nearest = nearestOf(variable, variables);
    const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
    warnings.push(`${variable} is not a setting and has no effect${hint}`);
  }
  return warnings;
}

/** Returns the known name with the fewest edits, if they are few enough for a typing error. */
function nearestOf(name: string, variables: readonly string[]): string | undefined {
  let nearest: string | undefined;
  let leastDistance = TYPING_ERRORS_MAX + 1;
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
