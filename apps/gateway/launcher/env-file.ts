import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';

/** The variables of some files, or all problems of the files. */
export type EnvFiles =
  | { readonly ok: true; readonly variables: Readonly<Record<string, string>> }
  | {
      readonly ok: false;
      /** One line per problem; it names the file, and the line if one is to blame. */
      readonly problems: readonly string[];
    };

/** `NAME=`, optionally after `export`. Group 1 is the start of the value. */
const ASSIGNMENT = /^\s*(?:export\s+)?[A-Za-z_][A-Za-z0-9_.]*\s*=\s*(.*)$/;
const IGNORED = /^\s*(#.*)?$/;

/**
 * Reads files in the form of Node's own `--env-file`: comments after `#`, values in quotes may
 * contain line breaks. A file that cannot be read and a line that assigns nothing are problems.
 * @param paths files in the order in which they are read; a later one wins
 */
export function readEnvFiles(paths: readonly string[]): EnvFiles {
  const problems: string[] = [];
  const variables: Record<string, string> = {};
  for (const path of paths) {
    const text = tryRead(path, problems);
    if (text === undefined) continue;
    problems.push(...badLines(text).map((problem) => `${path}: ${problem}`));
    Object.assign(variables, parseEnv(text));
  }
  return problems.length === 0 ? { ok: true, variables } : { ok: false, problems };
}

function tryRead(path: string, problems: string[]): string | undefined {
  try {
    return readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    problems.push(`${path}: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

/** Node's parser skips lines that it does not understand, so they are found here. */
function badLines(text: string): string[] {
  const problems: string[] = [];
  const lines = text.split(/\r\n|\n|\r/);
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? '';
    if (IGNORED.test(line)) continue;
    const value = ASSIGNMENT.exec(line)?.[1];
    if (value === undefined) {
      problems.push(`line ${index + 1} is not VARIABLE=value`);
      continue;
    }
    const quote = /^["'`]/.exec(value)?.[0];
    if (quote === undefined || value.includes(quote, 1)) continue;
    const lastLine = lines.findIndex(
      (next, lineIndex) => lineIndex > index && next.includes(quote),
    );
    if (lastLine === -1) {
      problems.push(`line ${index + 1} has a value without its closing ${quote}`);
      break;
    }
    index = lastLine;
  }
  return problems;
}
