/** Coverage of code that tests run in their own process: Istanbul's report, as vitest writes it. */
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { IsReached } from './source-places.js';

interface Position {
  readonly line: number;
  /** Istanbul has no column where a location ends with its line. */
  readonly column?: number | null;
}

interface Location {
  readonly start: Position;
  readonly end: Position;
}

interface CountedLocation extends Location {
  readonly count: number;
}

/** Coverage of one file in Istanbul's report. */
interface FileCoverage {
  readonly path: string;
  readonly statementMap: Readonly<Record<string, Location>>;
  readonly s: Readonly<Record<string, number>>;
  readonly fnMap: Readonly<Record<string, { readonly loc: Location }>>;
  readonly f: Readonly<Record<string, number>>;
  readonly branchMap: Readonly<Record<string, { readonly locations: readonly Location[] }>>;
  readonly b: Readonly<Record<string, readonly number[]>>;
}

/** Reads a report. */
export function readVitestCoverage(report: string): IsReached {
  const locations = new Map<string, readonly CountedLocation[]>();
  const files = JSON.parse(readFileSync(report, 'utf8')) as Record<string, FileCoverage>;
  for (const coverage of Object.values(files)) {
    locations.set(relative(process.cwd(), coverage.path), countedLocations(coverage));
  }
  return (file, place) => {
    const around = (locations.get(file) ?? []).filter((location) => contains(location, place));
    const innermost = around.reduce<CountedLocation | undefined>(
      (best, location) => (best === undefined || isInside(location, best) ? location : best),
      undefined,
    );
    return innermost !== undefined && innermost.count > 0;
  };
}

function countedLocations(coverage: FileCoverage): CountedLocation[] {
  const { statementMap, s, branchMap, b, fnMap, f } = coverage;
  return [
    ...Object.entries(statementMap).map(([id, location]) => ({ ...location, count: s[id] ?? 0 })),
    ...Object.entries(fnMap).map(([id, { loc }]) => ({ ...loc, count: f[id] ?? 0 })),
    ...Object.entries(branchMap).flatMap(([id, { locations }]) =>
      locations.map((location, arm) => ({ ...location, count: b[id]?.[arm] ?? 0 })),
    ),
  ].filter(hasLines);
}

/** Istanbul writes a branch that is not in the source without lines. */
function hasLines({ start, end }: { start: Partial<Position>; end: Partial<Position> }): boolean {
  return start.line !== undefined && end.line !== undefined;
}

function contains({ start, end }: Location, place: Position): boolean {
  return compare(start, place) <= 0 && compare(place, end) <= 0;
}

function isInside(inner: Location, outer: Location): boolean {
  const start = compare(inner.start, outer.start);
  return start > 0 || (start === 0 && compare(inner.end, outer.end) < 0);
}

function compare(a: Position, b: Position): number {
  return a.line - b.line || (a.column ?? Number.MAX_VALUE) - (b.column ?? Number.MAX_VALUE);
}
