import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { until } from '../support/until.js';

/** A build that runs until the file `finish` exists, and records its steps. */
const BUILD = `
  const fs = require('node:fs');
  fs.appendFileSync('steps', 'begin ');
  const wait = setInterval(() => {
    if (!fs.existsSync('finish')) return;
    clearInterval(wait);
    fs.mkdirSync('dist/apps/gateway', { recursive: true });
    fs.writeFileSync('dist/apps/gateway/main.js', '');
    fs.appendFileSync('steps', 'end ');
  }, 20);
`;

const running: ChildProcess[] = [];
const roots: string[] = [];
let root: string;

/** A checkout with the scripts of this one and its own build. */
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sluice-build-'));
  roots.push(root);
  cpSync('scripts', join(root, 'scripts'), { recursive: true });
  for (const folder of ['apps', 'libs', 'node_modules']) mkdirSync(join(root, folder));
  symlinkSync(
    resolve('node_modules/fs-native-extensions'),
    join(root, 'node_modules/fs-native-extensions'),
  );
  for (const name of [
    'package-lock.json',
    'nest-cli.json',
    'tsconfig.json',
    'tsconfig.build.json',
  ]) {
    writeFileSync(join(root, name), '{}');
  }
  writeFileSync(join(root, 'build.cjs'), BUILD);
  const scripts = { 'build:steps': 'node build.cjs' };
  writeFileSync(join(root, 'package.json'), JSON.stringify({ scripts }));
});

afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
  for (const directory of roots) rmSync(directory, { recursive: true, force: true });
});

test('a second build waits with a message, and then finds the build current', async () => {
  const first = startBuild();
  await until('the first build runs', () => steps() === 'begin ');
  const second = startBuild();
  await until('the second one waits', () => second.output().includes('waiting for it'));
  expect(second.output()).toBe(
    `Another build is running here (process ${first.child.pid}): waiting for it.\n`,
  );
  writeFileSync(join(root, 'finish'), '');
  expect(await Promise.all([first.code, second.code])).toEqual([0, 0]);
  expect(steps()).toBe('begin end ');
  expect(second.output()).not.toContain('Built in');
});

test('a build that fails lets the next one try', async () => {
  writeFileSync(join(root, 'build.cjs'), 'process.exit(3);');
  const failed = startBuild();
  expect(await failed.code).toBe(3);
  expect(failed.output()).toContain('The build failed');
  writeFileSync(join(root, 'build.cjs'), BUILD);
  writeFileSync(join(root, 'finish'), '');
  expect(await startBuild().code).toBe(0);
});

test('a build continues when its launcher is killed, and the next one waits for it', async () => {
  const first = startBuild();
  await until('the first build runs', () => steps() === 'begin ');
  first.child.kill('SIGKILL');
  await first.code;
  const second = startBuild();
  await until('the second one waits', () => second.output().includes('waiting for it'));
  writeFileSync(join(root, 'finish'), '');
  expect(await second.code).toBe(0);
  // No launcher was left to mark the first build as complete.
  expect(steps()).toBe('begin end begin end ');
});

test('the build command builds also when the build is current', async () => {
  writeFileSync(join(root, 'finish'), '');
  expect(await startBuild('build.mjs').code).toBe(0);
  expect(await startBuild().code).toBe(0);
  expect(steps()).toBe('begin end ');
  expect(await startBuild('build.mjs').code).toBe(0);
  expect(steps()).toBe('begin end begin end ');
});

function startBuild(script = 'build-if-needed.mjs'): {
  readonly child: ChildProcess;
  readonly code: Promise<number | null>;
  readonly output: () => string;
} {
  const child = spawn(process.execPath, [join(root, 'scripts', script)]);
  running.push(child);
  let text = '';
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const code = once(child, 'exit').then(([status]) => status as number | null);
  return { child, code, output: () => text };
}

function steps(): string {
  const path = join(root, 'steps');
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
