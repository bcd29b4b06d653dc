/**
 * Coverage of the gateways of integration tests: V8's reports, and the source map of the bundle.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { generatedPositionFor, LEAST_UPPER_BOUND, TraceMap } from '@jridgewell/trace-mapping';
import type { IsReached, Place } from './source-places.js';

/** Coverage of one script in a report of V8. */
interface ScriptCoverage {
  readonly url: string;
  readonly functions: readonly {
    readonly ranges: readonly {
      readonly startOffset: number;
      readonly endOffset: number;
      readonly count: number;
    }[];
  }[];
}

interface CoverageFiles {
  /** Directory of the reports. */
  readonly directory: string;
  /** Path of the bundle that the processes ran. */
  readonly bundle: string;
  readonly mapFile: string;
  /** Characters before the bundle's text in the script that V8 compiled. */
  readonly prefixLength: number;
}

/** Reads the reports of a directory, one file per process. */
export function readGatewayCoverage({
  directory,
  bundle,
  mapFile,
  prefixLength,
}: CoverageFiles): IsReached {
  const text = readFileSync(bundle, 'utf8');
  const isReached = new Uint8Array(text.length);
  let processes = 0;
  for (const name of readdirSync(directory)) {
    const { result } = JSON.parse(readFileSync(join(directory, name), 'utf8')) as {
      readonly result: readonly ScriptCoverage[];
    };
    const script = result.find(({ url }) => url.endsWith(`/${bundle}`));
    if (script === undefined) continue;
    processes += 1;
    const isRun = charactersRun(script, text.length, prefixLength);
    for (let at = 0; at < isRun.length; at += 1) if (isRun[at] === 1) isReached[at] = 1;
  }
  process.stdout.write(`${processes} gateways of the integration tests wrote their coverage.\n`);
  const offsetOf = bundleOffsets(text, bundle, mapFile);
  return (file, place) => {
    const offset = offsetOf(file, place);
    return offset !== undefined && isReached[offset] === 1;
  };
}

/** Returns 1 for each character of the bundle that the process ran. */
function charactersRun(
  { functions }: ScriptCoverage,
  length: number,
  prefixLength: number,
): Uint8Array {
  const isRun = new Uint8Array(length);
  // Inner ranges follow the outer ones and override them.
  for (const { ranges } of functions) {
    for (const { startOffset, endOffset, count } of ranges) {
      const start = Math.max(0, startOffset - prefixLength);
      isRun.fill(count > 0 ? 1 : 0, start, Math.max(0, endOffset - prefixLength));
    }
  }
  return isRun;
}

/** Returns a function that finds the offset in the bundle where a place of a source file is. */
function bundleOffsets(
  text: string,
  bundle: string,
  mapFile: string,
): (file: string, place: Place) => number | undefined {
  const map = new TraceMap(readFileSync(mapFile, 'utf8'));
  const names = new Map(map.sources.map((name) => [sourcePath(name ?? '', bundle), name ?? '']));
  const lineStarts = [0];
  for (const { index } of text.matchAll(/\n/g)) lineStarts.push(index + 1);
  return (file, { line, column }) => {
    const source = names.get(file);
    if (source === undefined) return undefined;
    // Code that the build drops, types for example, has no position.
    const bias = LEAST_UPPER_BOUND;
    const found = generatedPositionFor(map, { source, line, column, bias });
    if (found.line === null) return undefined;
    return (lineStarts[found.line - 1] ?? 0) + found.column;
  };
}

function sourcePath(name: string, bundle: string): string {
  return relative(process.cwd(), resolve(dirname(bundle), name));
}
