/**
 * Keeps the build current: runs `npm run build` unless dist/ was made from exactly the sources that
 * are here.
 *
 * Compares contents, not times: a checkout, a copy or a clock may set times as they please.
 */
const { spawnSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const { existsSync, readdirSync, readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const root = join(__dirname, '..');
const stamp = join(root, 'dist/build-stamp');
const made = join(root, 'dist/apps/gateway/main.js');

/** Answers the exit code of the build; 0 also when there was nothing to do. */
function buildIfNeeded() {
  const before = hashOfSources();
  const isBuilt = existsSync(made) && existsSync(stamp);
  if (isBuilt && readFileSync(stamp, 'utf8') === before) return 0;
  const reason = isBuilt ? 'the sources have changed' : 'there is no build yet';
  say(`Building Sluice, because ${reason}. This takes about half a minute; later starts skip it.`);
  const startedMs = performance.now();
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  // Standard output belongs to the gateway's banner: the build writes to standard error.
  const { status, error } = spawnSync(npm, ['run', '--silent', 'build'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    env: { ...process.env, BUILD_PROGRESS: '1' },
  });
  if (status !== 0) {
    say(`The build failed${error === undefined ? '' : `: ${error.message}`}.`);
    return status ?? 1;
  }
  writeFileSync(stamp, before);
  say(`Built in ${Math.round((performance.now() - startedMs) / 1000)} s.`);
  return 0;
}

function say(line) {
  process.stderr.write(`${line}\n`);
}

/** A hash of every file that the build reads, with its path. */
function hashOfSources() {
  const hash = createHash('sha256');
  // The code cache of the build is for one version of Node.js.
  hash.update(process.version);
  const settings = [
    'package.json',
    'package-lock.json',
    'nest-cli.json',
    'scripts/bundle.mjs',
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

module.exports = { buildIfNeeded };
