/** Coverage of code that tests run in their own process: Istanbul's report, as vitest writes it. */
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

/** Reads a report; returns a function that tells whether the tests reached a place of a file. */
export function readVitestCoverage(report) {
  const locations = new Map();
  for (const coverage of Object.values(JSON.parse(readFileSync(report, 'utf8')))) {
    locations.set(relative(process.cwd(), coverage.path), countedLocations(coverage));
  }
  return (file, place) => {
    const around = (locations.get(file) ?? []).filter((location) => contains(location, place));
    const innermost = around.reduce(
      (best, location) => (best === undefined || isInside(location, best) ? location : best),
      undefined,
    );
    return innermost !== undefined && innermost.count > 0;
  };
}

function countedLocations({ statementMap, s, branchMap, b, fnMap, f }) {
  return [
    ...Object.entries(statementMap).map(([id, location]) => ({ ...location, count: s[id] })),
    ...Object.entries(fnMap).map(([id, { loc }]) => ({ ...loc, count: f[id] })),
    ...Object.entries(branchMap).flatMap(([id, { locations }]) =>
      locations.map((location, arm) => ({ ...location, count: b[id][arm] })),
    ),
  ].filter(({ start, end }) => start.line !== undefined && end.line !== undefined);
}

function contains({ start, end }, place) {
  return compare(start, place) <= 0 && compare(place, end) <= 0;
}

function isInside(inner, outer) {
  const start = compare(inner.start, outer.start);
  return start > 0 || (start === 0 && compare(inner.end, outer.end) < 0);
}

function compare(a, b) {
  // Istanbul has no column where a location ends with its line.
  return a.line - b.line || (a.column ?? Number.MAX_VALUE) - (b.column ?? Number.MAX_VALUE);
}
