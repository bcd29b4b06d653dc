import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

/** A file of this repository with what the rules need to judge it. */
export interface SourceFile {
  /** Path from the repository's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
}

/** A break of a rule: where it is, and what is wrong with it. */
export interface Finding {
  readonly path: string;
  /** Line number, counted from 1. */
  readonly line: number;
  readonly problem: string;
}

const FOLDERS = ['apps', 'libs', 'test', 'bench', 'scripts'];
const EXTENSIONS = /\.(ts|mts|mjs|cjs)$/;
const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', 'generated']);

export function parseSource(path: string, text: string): SourceFile {
  return { path, text, tree: ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true) };
}

/** All source files of the repository, parsed. */
export function readSources(root: string): SourceFile[] {
  return FOLDERS.flatMap((folder) => pathsBelow(root, folder))
    .toSorted()
    .map((path) => parseSource(path, readFileSync(join(root, path), 'utf8')));
}

export function lineOf(file: SourceFile, position: number): number {
  return file.tree.getLineAndCharacterOfPosition(position).line + 1;
}

/** Calls `visit` for the node and for every node below it. */
export function visitNodes(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => {
    visitNodes(child, visit);
  });
}

function pathsBelow(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return SKIPPED_FOLDERS.has(entry.name) ? [] : pathsBelow(root, path);
    return EXTENSIONS.test(entry.name) ? [path] : [];
  });
}
