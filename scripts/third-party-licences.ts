import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';

const NODE_MODULES = `${sep}node_modules${sep}`;
const LICENCE_FILE = /^(licen[cs]e|copying)([.-].*)?$/i;
const NOTICE_FILE = /^notice([.-].*)?$/i;

interface Package {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly author?: string | { readonly name: string };
}

/**
 * Returns the licences of the packages that modules belong to: a bundle is a copy of them.
 * @param modules paths of files
 * @throws Error for a package that names no licence
 */
export function licencesOf(modules: Iterable<string>): string {
  const folders = new Set<string>();
  for (const path of modules) {
    const folder = packageFolderOf(path);
    if (folder !== undefined) folders.add(folder);
  }
  const texts = [...folders].map(licenceOf).toSorted();
  const head = 'The programs in this folder contain code of these packages:';
  return `${[head, ...new Set(texts)].join(`\n\n${'-'.repeat(80)}\n\n`)}\n`;
}

/** Returns the folder of the package that a file is part of; undefined for our own files. */
function packageFolderOf(path: string): string | undefined {
  const at = path.lastIndexOf(NODE_MODULES);
  if (at === -1) return undefined;
  const begin = at + NODE_MODULES.length;
  const [first = '', second = ''] = path.slice(begin).split(sep);
  const name = first.startsWith('@') ? join(first, second) : first;
  return resolve(path.slice(0, begin), name);
}

function licenceOf(folder: string): string {
  const path = join(folder, 'package.json');
  if (!existsSync(path)) throw new Error(`${folder} is not a package`);
  const { name, version, license, author } = JSON.parse(readFileSync(path, 'utf8')) as Package;
  const files = readdirSync(folder);
  const licences = files.filter((file) => LICENCE_FILE.test(file));
  if (licences.length === 0 && license === undefined) {
    throw new Error(`${name} ${version} names no licence`);
  }
  const by = typeof author === 'object' ? author.name : author;
  // Some packages have only the name of their licence.
  const named = [license ?? '', ...(by === undefined ? [] : [`Copyright (c) ${by}`])].join('\n');
  const texts = [...licences, ...files.filter((file) => NOTICE_FILE.test(file))].map((file) =>
    readFileSync(join(folder, file), 'utf8').trim(),
  );
  return [`${name} ${version}`, ...(licences.length === 0 ? [named] : []), ...texts].join('\n\n');
}
