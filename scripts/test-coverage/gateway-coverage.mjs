/**
 * Coverage of the gateways of integration tests: V8's reports, and the source map of the bundle.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { generatedPositionFor, LEAST_UPPER_BOUND, TraceMap } from '@jridgewell/trace-mapping';

/**
 * Reads the reports of a directory, one file per process.
 * @param bundle path of the bundle that the processes ran
 * @param prefixLength characters before the bundle's text in the script that V8 compiled
 * @returns a function that tells whether a process reached a place of a file
 */
export function readGatewayCoverage({ directory, bundle, mapFile, prefixLength }) {
  const text = readFileSync(bundle, 'utf8');
  const isReached = new Uint8Array(text.length);
  let processes = 0;
  for (const name of readdirSync(directory)) {
    const { result } = JSON.parse(readFileSync(join(directory, name), 'utf8'));
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
function charactersRun({ functions }, length, prefixLength) {
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
function bundleOffsets(text, bundle, mapFile) {
  const map = new TraceMap(readFileSync(mapFile, 'utf8'));
  const names = new Map(map.sources.map((name) => [sourcePath(name, bundle), name]));
  const lineStarts = [0];
  for (const { index } of text.matchAll(/\n/g)) lineStarts.push(index + 1);
  return (file, { line, column }) => {
    const source = names.get(file);
    if (source === undefined) return undefined;
    // Code that the build drops, types for example, has no position.
    const bias = LEAST_UPPER_BOUND;
    const found = generatedPositionFor(map, { source, line, column, bias });
    return found.line === null ? undefined : lineStarts[found.line - 1] + found.column;
  };
}

function sourcePath(name, bundle) {
  return relative(process.cwd(), resolve(dirname(bundle), name));
}
