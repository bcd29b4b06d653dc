/**
 * Prints the numbers of docs/HOUSE-NUMBERS.md for a checkout: lengths of files and functions,
 * breaks of the style, and imports that run backwards between folders.
 *
 * usage: node --import jiti/register scripts/house-numbers.ts [DIRECTORY]
 */
import { dirname, join } from 'node:path/posix';
import ts from 'typescript';
import { RULES } from '../test/tidy/rules.js';
import { lineOf, readSources, type SourceFile, visitNodes } from '../test/tidy/source-file.js';

const CLUSTER_BRANCH = /cluster (===|!==) undefined|[cC]luster\?\.|peers (===|!==) undefined/g;
const FOLDERS_APART = /^(?<part>(?:libs|apps)\/[^/]+\/src)\/(?<folder>[^/]+)\//;

const sources = readSources(process.argv[2] ?? '.');
const product = sources.filter(({ path }) => isProduct(path));
const rest = sources.filter(({ path }) => !isProduct(path));

for (const [name, files] of Object.entries({ product, 'tests, bench, scripts': rest })) {
  print(name, { files: files.length, lines: sum(files.map(lineCount)) });
  print('  lines of a file', spread(files.map(lineCount)));
  print('  lines of a function', spread(files.flatMap(functionLengths)));
  for (const [rule, check] of Object.entries(RULES)) {
    if (rule !== 'overlap-rule' && rule !== 'contract-type') {
      print(`  breaks of ${rule}`, { count: sum(files.map((file) => check(file).length)) });
    }
  }
}
const gateway = product.filter(({ path }) => path.startsWith('apps/gateway/'));
print('lines of the gateway', { lines: sum(gateway.map(lineCount)) });
print('imports that run backwards between folders', { count: backwardImports() });
const engine = product.filter(({ path }) => /^libs\/(broker|replication)\//.test(path));
print('branches of the engine on "is there a cluster"', {
  count: sum(engine.map(({ text }) => text.match(CLUSTER_BRANCH)?.length ?? 0)),
});

function isProduct(path: string): boolean {
  return /^(apps|libs)\//.test(path) && !/\.test\.ts$|\/testing\//.test(path);
}

function lineCount({ text }: SourceFile): number {
  return text.trimEnd().split('\n').length;
}

/** Lines of each function with a block; the callback of `describe` is a list of tests. */
function functionLengths(file: SourceFile): number[] {
  const lengths: number[] = [];
  visitNodes(file.tree, (node) => {
    if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return;
    if (!ts.isBlock(node.body) || /^(describe|suite)\b/.test(node.parent.getText(file.tree)))
      return;
    lengths.push(lineOf(file, node.end) - lineOf(file, node.getStart(file.tree)) + 1);
  });
  return lengths;
}

/**
 * Imports between two folders of a part of the product that import each other, in the direction
 * with fewer of them.
 */
function backwardImports(): number {
  const counts = new Map<string, number>();
  for (const file of product) {
    const from = FOLDERS_APART.exec(file.path)?.groups;
    for (const { fileName } of ts.preProcessFile(file.text).importedFiles) {
      const target = fileName.startsWith('.') ? join(dirname(file.path), fileName) : '';
      const to = FOLDERS_APART.exec(target)?.groups;
      if (from === undefined || to?.['part'] !== from['part']) continue;
      const arrow = `${from['part']} ${from['folder']} ${to?.['folder']}`;
      counts.set(arrow, (counts.get(arrow) ?? 0) + 1);
    }
  }
  const backwards = Array.from(counts, ([arrow, count]) => {
    const [part, from = '', to = ''] = arrow.split(' ');
    return from < to ? Math.min(count, counts.get(`${part} ${to} ${from}`) ?? 0) : 0;
  });
  return sum(backwards);
}

function spread(numbers: readonly number[]): Readonly<Record<string, number>> {
  const sorted = numbers.toSorted((left, right) => left - right);
  const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
  return { p50: at(0.5), p90: at(0.9), max: at(1) };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function print(name: string, numbers: Readonly<Record<string, number>>): void {
  const texts = Object.entries(numbers).map(([label, number]) => `${label} ${number}`);
  process.stdout.write(`${name}: ${texts.join(', ')}\n`);
}
