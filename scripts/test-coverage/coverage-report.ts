/** The report of `npm run test:coverage`, as Markdown. */
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

/** @param folders the folders that the table has a row for */
export function coverageReport(files: readonly CoveredFile[], folders: readonly string[]): string {
  const rows = folders.map((folder): [string, Counts, Counts] => {
    const inside = files.filter(({ file }) => file.startsWith(`${folder}/`));
    return [folder, counts(inside, 'statements'), counts(inside, 'errors')];
  });
  rows.push(['all', counts(files, 'statements'), counts(files, 'errors')]);
  const table = rows.map(
    ([name, lines, errors]) =>
      `| ${name} | ${lines.reached} of ${lines.total} | ${errors.reached} | ${errors.missed} |`,
  );
  const missed = files.flatMap(missedErrorLines);
  return [
    '| folder | lines reached | error lines reached | not reached |',
    '|---|---|---|---|',
    ...table,
    '',
    'Error lines that no test reaches:',
    '',
    ...missed,
    '',
  ].join('\n');
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

function missedErrorLines({ file, source, errors }: CoveredFile): string[] {
  const text = source.split('\n');
  return [...linesOf(errors)]
    .filter(([, isReached]) => !isReached)
    .map(([line]) => `- ${file}:${line} \`${(text[line - 1] ?? '').trim()}\``);
}
