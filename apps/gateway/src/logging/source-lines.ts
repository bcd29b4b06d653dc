import { readFileSync } from 'node:fs';

/** Consecutive lines of a bundle from one source file. Lines count from 1. */
interface SourceRange {
  readonly file: string;
  /** Line of the bundle for the first element of `lines`. */
  readonly from: number;
  /** Source lines, one per line of the bundle. */
  readonly lines: readonly number[];
}

const FRAME_POSITION = /(\/[^():]+\.cjs):(\d+):\d+/g;

const rangesByBundle = new Map<string, readonly SourceRange[]>();

/**
 * Rewrites the frames of a stack trace that are in a bundle to their source file and line. The
 * table is the file `<bundle>.lines`, which the build writes (scripts/bundle.ts); frames without
 * an entry stay as they are.
 */
export function withSourceLines(stack: string): string {
  return stack.replace(FRAME_POSITION, (position, bundle: string, line: string) => {
    return sourceOf(rangesOf(bundle), Number(line)) ?? position;
  });
}

function sourceOf(ranges: readonly SourceRange[], line: number): string | undefined {
  const range = ranges.find(({ from, lines }) => line >= from && line < from + lines.length);
  return range && `${range.file}:${range.lines[line - range.from]}`;
}

function rangesOf(bundle: string): readonly SourceRange[] {
  const existing = rangesByBundle.get(bundle);
  if (existing !== undefined) return existing;
  const read = tryReadRanges(`${bundle}.lines`);
  rangesByBundle.set(bundle, read);
  return read;
}

function tryReadRanges(path: string): readonly SourceRange[] {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as SourceRange[];
  } catch {
    // The stack has a frame of a file that the build did not create.
    return [];
  }
}
