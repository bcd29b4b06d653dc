/**
 * `npm start`: builds if necessary, then becomes the gateway.
 *
 * It runs in this process and in CommonJS, so that signals reach it and libuv's thread pool has no
 * size yet when the launcher sets it (docs/adr/0003-thread-pool-and-launcher.md).
 */
const { readFileSync } = require('node:fs');
const path = require('node:path');

/** The launcher's values (apps/gateway/src/engine/descriptor-limit.ts, shared/exit-codes.ts). */
const DESCRIPTORS_MIN = 256;
const TOO_FEW_DESCRIPTORS = 71;

const limit = descriptorLimit();
if (limit < DESCRIPTORS_MIN) {
  // A build with so few would fail with an error that does not name the limit.
  process.stderr.write(
    'The limit of open files (ulimit -n) is too low to run: ' +
      `at least ${DESCRIPTORS_MIN} are needed. It is ${limit}.\n`,
  );
  process.exitCode = TOO_FEW_DESCRIPTORS;
} else start();

function start() {
  const { buildIfNeeded } = require('./current-build.cjs');
  const status = buildIfNeeded();
  if (status === 0) require(path.join(__dirname, '../dist/apps/gateway/main.js'));
  else process.exitCode = status;
}

/** The limit of this process's descriptors; Infinity if the system does not say. */
function descriptorLimit() {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const match = /^Max open files +(\d+)/m.exec(limits);
    return match === null ? Number.POSITIVE_INFINITY : Number(match[1]);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
