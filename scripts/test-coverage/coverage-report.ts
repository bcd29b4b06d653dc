/** The report of `npm run test:coverage`, as Markdown. */
import type { AcceptedLine } from './accepted-lines.js';
import type { Place } from './source-places.js';

interface CoveredPlace extends Place {
  readonly isReached: boolean;
}

/** A source file, with its places of all statements and of the code about errors. */
export interface CoveredFile {
  readonly file: string;
  readonly source: string;
  readonly statements: readonly CoveredPlace[];
  readonly errors: readonly CoveredPlace[];
}

/** Lines of a kind: how many there are, and how many of them tests reach. */
interface Counts {
  readonly total: number;
  readonly reached: number;
  readonly missed: number;
}

/** An error line that no test reaches. */
interface MissedLine {
  readonly file: string;
  /** Its number, from 1. */
  readonly line: number;
  readonly code: string;
  /** The entry that says why no test has to reach it; undefined if the list has none. */
  readonly entry: AcceptedLine | undefined;
}

/** The report, and the lines for which the list of accepted lines has no reason. */
interface CoverageReport {
  readonly text: string;
  readonly unexplained: readonly MissedLine[];
}

/** @param folders the folders that the table has a row for */
export function coverageReport(
  files: readonly CoveredFile[],
  folders: readonly string[],
  accepted: readonly AcceptedLine[],
): CoverageReport {
  const rows = folders.map((folder): [string, Counts, Counts] => {
    const inside = files.filter(({ file }) => file.startsWith(`${folder}/`));
    return [folder, counts(inside, 'statements'), counts(inside, 'errors')];
  });
  rows.push(['all', counts(files, 'statements'), counts(files, 'errors')]);
  const table = rows.map(
    ([name, lines, errors]) =>
      `| ${name} | ${lines.reached} of ${lines.total} | ${errors.reached} | ${errors.missed} |`,
  );
  const missed = files.flatMap((file) => missedErrorLines(file, accepted));
  const unexplained = missed.filter(({ entry }) => entry === undefined);
  const explained = missed.filter(({ entry }) => entry !== undefined);
  const used = new Set(missed.map(({ entry }) => entry));
  const measured = new Set(files.map(({ file }) => file));
  const unused = accepted.filter((entry) => !used.has(entry) && measured.has(entry.file));
  const text = [
    '| folder | lines reached | error lines reached | not reached |',
    '|---|---|---|---|',
    ...table,
    '',
    'Error lines that no test reaches:',
    '',
    ...unexplained.map(shown),
    '',
    'Error lines that no test reaches, for a reason:',
    '',
    ...explained.map((line) => `${shown(line)}: ${line.entry?.reason ?? ''}`),
    '',
    'Accepted lines that a test reaches, or that are gone:',
    '',
    ...unused.map(({ file, code }) => `- ${file} \`${code}\``),
    '',
  ].join('\n');
  return { text, unexplained };
}

function shown({ file, line, code }: MissedLine): string {
  return `- ${file}:${line} \`${code}\``;
}

/** Lines of source, each reached when all places on it are. */
function linesOf(places: readonly CoveredPlace[]): Map<number, boolean> {
  const lines = new Map<number, boolean>();
  for (const { line, shownLine = line, isReached } of places) {
    lines.set(shownLine, isReached && lines.get(shownLine) !== false);
  }
  return lines;
}

function counts(files: readonly CoveredFile[], kind: 'statements' | 'errors'): Counts {
  const lines = files.flatMap((each) => [...linesOf(each[kind]).values()]);
  const reached = lines.filter(Boolean).length;
  return { total: lines.length, reached, missed: lines.length - reached };
}

function missedErrorLines(
  { file, source, errors }: CoveredFile,
  accepted: readonly AcceptedLine[],
): MissedLine[] {
  const text = source.split('\n').map((line) => line.trim());
  return [...linesOf(errors)]
    .filter(([, isReached]) => !isReached)
    .map(([line]) => {
      const code = text[line - 1] ?? '';
      const withNext = `${code} ${text[line] ?? ''}`;
      const entry = accepted.find((each) => each.file === file && withNext.startsWith(each.code));
      return { file, line, code, entry };
    });
}
