/**
 * Runs `npm run build` unless dist/ was made from exactly the sources that are here.
 *
 * Compares contents, not times: a checkout, a copy or a clock may set times as they please.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const stamp = join(root, 'dist/build-stamp');
const made = join(root, 'dist/apps/gateway/main.js');

const before = hashOfSources();
if (!existsSync(made) || !existsSync(stamp) || readFileSync(stamp, 'utf8') !== before) {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  // Standard output is the gateway's banner's: what the build says goes to standard error.
  const built = spawnSync(npm, ['run', '--silent', 'build'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (built.status !== 0) process.exit(built.status ?? 1);
  writeFileSync(stamp, before);
}

/** Of every file that the build reads, with its path. */
function hashOfSources() {
  const hash = createHash('sha256');
  const settings = [
    'package.json',
    'package-lock.json',
    'nest-cli.json',
    'tsconfig.json',
    'tsconfig.build.json',
  ];
  for (const path of [...settings, ...sourcesIn('apps'), ...sourcesIn('libs')].sort()) {
    hash
      .update(path)
      .update('\0')
      .update(readFileSync(join(root, path)))
      .update('\0');
  }
  return hash.digest('hex');
}

function sourcesIn(folder) {
  return readdirSync(join(root, folder), { recursive: true })
    .filter((path) => /\.(ts|json|html|css|js|lua)$/.test(path) && !/\.test\.ts$/.test(path))
    .map((path) => join(folder, path));
}
