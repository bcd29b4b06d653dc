/**
 * Builds the gateway and keeps the build current: dist/ is built again unless it was built from
 * exactly the present sources. One build at a time works in a checkout; see build-lock.cjs.
 *
 * It compares contents, not times: a checkout, a copy or a clock may set times in any order.
 */
const { spawnSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const { existsSync, readdirSync, readFileSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { withBuildLock } = require('./build-lock.cjs');

const root = path.join(__dirname, '..');
const stamp = path.join(root, 'dist/build-stamp');
const made = path.join(root, 'dist/apps/gateway/main.js');
/** The lock file is outside of dist/, which a build removes. */
const lock = path.join(root, 'node_modules/.sluice-build.lock');

/**
 * Builds unless the build is current. Returns the exit code, also 0 when there was nothing to do.
 * @returns {number}
 */
function buildIfNeeded() {
  if (staleReason(hashOfSources()) === undefined) return 0;
  return withBuildLock(lock, say, (lockFile) => {
    // Another process may have built while this one waited.
    const sources = hashOfSources();
    const reason = staleReason(sources);
    if (reason === undefined) return 0;
    say(`Building Sluice, because ${reason}. This takes half a minute; later starts skip it.`);
    return runSteps(lockFile, sources, { BUILD_PROGRESS: '1' });
  });
}

/**
 * Builds in any case, for `npm run build`.
 * @returns {number} the exit code
 */
function build() {
  return withBuildLock(lock, say, (lockFile) => runSteps(lockFile, hashOfSources(), {}));
}

/**
 * The reason why dist/ is not the build of the sources with this hash; undefined when it is.
 * @param {string} sources
 */
function staleReason(sources) {
  const isBuilt = existsSync(made) && existsSync(stamp);
  if (!isBuilt) return 'there is no build yet';
  return readFileSync(stamp, 'utf8') === sources ? undefined : 'the sources have changed';
}

/**
 * Runs the script `build:steps` and marks the build with this hash of the sources.
 * @param {number} lockFile
 * @param {string} sources
 * @param {NodeJS.ProcessEnv} environment
 * @returns {number} the exit code
 */
function runSteps(lockFile, sources, environment) {
  const startedMs = performance.now();
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const { status, error } = spawnSync(npm, ['run', '--silent', 'build:steps'], {
    cwd: root,
    // Standard output belongs to the gateway's banner: the build writes to standard error.
    stdio: ['ignore', 2, 2, lockFile],
    env: { ...process.env, ...environment },
  });
  if (status !== 0) {
    say(`The build failed${error === undefined ? '' : `: ${error.message}`}.`);
    return status ?? 1;
  }
  writeFileSync(stamp, sources);
  say(`Built in ${Math.round((performance.now() - startedMs) / 1000)} s.`);
  return 0;
}

/** @param {string} line */
function say(line) {
  process.stderr.write(`${line}\n`);
}

/** A hash of every file that the build reads, with its path. */
function hashOfSources() {
  const hash = createHash('sha256');
  // The code cache of the build fits only one version of Node.js.
  hash.update(process.version);
  const settings = [
    'package.json',
    'package-lock.json',
    'nest-cli.json',
    'scripts/bundle.ts',
    'tsconfig.json',
    'tsconfig.build.json',
  ];
  for (const file of [...settings, ...sourcesIn('apps'), ...sourcesIn('libs')].toSorted(compare)) {
    hash
      .update(file)
      .update('\0')
      .update(readFileSync(path.join(root, file)))
      .update('\0');
  }
  return hash.digest('hex');
}

/**
 * Orders paths by their characters, whatever the locale of the machine is.
 * @param {string} one
 * @param {string} other
 */
function compare(one, other) {
  return one < other ? -1 : 1;
}

/** @param {string} folder */
function sourcesIn(folder) {
  return (
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.(ts|json|html|css|js|lua)$/.test(file) && !file.endsWith('.test.ts'))
      // The bundle of the client library is made from these sources.
      .filter((file) => !file.startsWith(path.join('client', 'dist')))
      .map((file) => path.join(folder, file))
  );
}

module.exports = { build, buildIfNeeded };
