/**
 * Runs the README's quickstart as a reader would: every curl line of the `sh` block after `<!--
 * quickstart -->`, against a running gateway. Fails on the first answer that is not a success.
 *
 * usage: node --import jiti/register scripts/try-quickstart.ts README.md http://127.0.0.1:8080
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const [file = 'README.md', url = 'http://127.0.0.1:8080'] = process.argv.slice(2);
const block = /<!-- quickstart -->\s*```sh\n([\s\S]*?)```/.exec(readFileSync(file, 'utf8'))?.[1];
if (block === undefined) throw new Error(`${file} has no block after <!-- quickstart -->`);

const lines = block
  .replaceAll('\\\n', ' ')
  .split('\n')
  .filter((line) => line.startsWith('curl'))
  .map((line) => line.replaceAll('localhost:8080', new URL(url).host));
if (lines.length === 0) throw new Error('the quickstart has no curl line');

for (const line of lines) {
  console.log(`$ ${line}`);
  const shell = `set -euo pipefail; curl() { command curl --fail-with-body --silent --show-error "$@"; }; ${line}`;
  console.log(execFileSync('bash', ['-c', shell], { encoding: 'utf8', timeout: 20_000 }));
}
