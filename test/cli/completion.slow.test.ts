import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hasProgram } from '../support/packages-installed.js';

/** Key that writes the line down and clears it, in the test of zsh: Ctrl-T. */
const SHOW = '\x14';

const home = mkdtempSync(join(tmpdir(), 'sluice-completion-'));
const bin = join(home, 'bin');

beforeAll(() => {
  // The scripts call `sluice` as an installed package provides it.
  mkdirSync(bin);
  const main = resolve('dist/apps/cli/main.js');
  const program = `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`;
  writeFileSync(join(bin, 'sluice'), program, { mode: 0o755 });
});

afterAll(() => rmSync(home, { recursive: true, force: true }));

/** Runs a program with `sluice` on its PATH. @returns its standard output and error, as lines */
function run(program: string, args: readonly string[], more: { readonly input?: string } = {}) {
  const env = { ...process.env, HOME: home, PATH: `${bin}:${process.env['PATH']}`, TERM: 'xterm' };
  // A shell that waits for more input is ended.
  const options = { env, encoding: 'utf8', timeout: 120_000, ...more } as const;
  const { stdout, stderr } = spawnSync(program, args, options);
  return { stdout: stdout.trim().split('\n'), stderr };
}

test('completion in bash needs no other package, and runs nothing of the line', () => {
  const replies = (...words: string[]) => {
    const text = `source <(sluice completion bash)
      COMP_WORDS=(sluice "$@"); COMP_CWORD=$#; __sluice_complete; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return run('bash', ['--norc', '-c', text, 'bash', ...words]);
  };
  expect(replies('topics', 'd')).toEqual({ stdout: ['describe', 'delete'], stderr: '' });
  expect(replies('produce', '--format', '')).toMatchObject({ stdout: ['text', 'json', 'ndjson'] });
  const touched = join(home, 'touched-by-bash');
  expect(replies('produce', `$(touch ${touched})`, '').stderr).toBe('');
  expect(existsSync(touched)).toBe(false);
});

test('completion in zsh finishes what is typed, and runs nothing of the line', ({ skip }) => {
  if (!hasProgram('zsh')) skip('zsh is not installed');
  const [lines, touched] = [join(home, 'lines'), join(home, 'touched-by-zsh')];
  const typed = [
    'sluice topics desc\t',
    'sluice produce orders --format nd\t',
    `sluice produce "$(touch ${touched})" --form\t`,
  ];
  const setup = `autoload -Uz compinit; compinit -u -D; source <(sluice completion zsh)
    show() { print -r -- "$BUFFER" >> ${lines}; BUFFER=; }; zle -N show; bindkey '^T' show\n`;
  const keys = typed.map((each) => each + SHOW).join('');
  run('script', ['-qec', 'zsh -f -i', '/dev/null'], { input: `${setup}${keys}exit\n` });
  expect(readFileSync(lines, 'utf8').split('\n')).toEqual([
    'sluice topics describe ',
    'sluice produce orders --format ndjson ',
    `sluice produce "$(touch ${touched})" --format `,
    '',
  ]);
  expect(existsSync(touched)).toBe(false);
});

test('completion in fish offers what can follow, and runs nothing of the line', ({ skip }) => {
  if (!hasProgram('fish')) skip('fish is not installed');
  const offers = (line: string) => {
    const text = 'sluice completion fish | source; complete -C $argv[1]';
    const { stdout, stderr } = run('fish', ['--no-config', '-c', text, line]);
    return { words: stdout.map((offer) => offer.split('\t')[0] ?? '').toSorted(), stderr };
  };
  expect(offers('sluice topics d')).toEqual({ words: ['delete', 'describe'], stderr: '' });
  expect(offers('sluice produce orders --format ')).toMatchObject({
    words: ['json', 'ndjson', 'text'],
  });
  const touched = join(home, 'touched-by-fish');
  expect(offers(`sluice produce (touch ${touched}) --form`).words).toEqual(['--format']);
  expect(existsSync(touched)).toBe(false);
});
