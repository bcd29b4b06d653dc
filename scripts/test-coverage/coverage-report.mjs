/** The report of `npm run test:coverage`, as Markdown. */

/**
 * @param files `{ file, source, statements, errors }` where the last two list places with
 *   `isReached`
 * @param folders the folders that the table has a row for
 */
export function coverageReport(files, folders) {
  const rows = folders.map((folder) => {
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
function linesOf(places) {
  const lines = new Map();
  for (const { line, shownLine = line, isReached } of places) {
    lines.set(shownLine, isReached && lines.get(shownLine) !== false);
  }
  return lines;
}

function counts(files, kind) {
  const lines = files.flatMap((each) => [...linesOf(each[kind]).values()]);
  const reached = lines.filter(Boolean).length;
  return { total: lines.length, reached, missed: lines.length - reached };
}

function missedErrorLines({ file, source, errors }) {
  const text = source.split('\n');
  return [...linesOf(errors)]
    .filter(([, isReached]) => !isReached)
    .map(([line]) => `- ${file}:${line} \`${text[line - 1].trim()}\``);
}
