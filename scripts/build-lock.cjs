/**
 * Prevents two builds of one checkout from working in dist/ at the same time.
 *
 * The lock is an operating system lock on the open file, so it ends with the processes that have
 * the file open, however they end: a killed build leaves no lock behind.
 */
const { closeSync, ftruncateSync, openSync, readFileSync, writeSync } = require('node:fs');
const { tryLock, waitForLockSync } = require('fs-native-extensions');

/**
 * Runs `work` while no other process holds the lock, and returns its result. Waits, with a message,
 * while another process holds the lock.
 * @param {string} path the lock file, which is never removed
 * @param {(line: string) => void} say
 * @param {(lockFile: number) => T} work gets the descriptor of the lock file: a child process that
 *   inherits it keeps the lock when this process is killed
 * @template T
 */
function withBuildLock(path, say, work) {
  const file = openSync(path, 'a+');
  try {
    if (!tryLock(file)) {
      const holder = readFileSync(path, 'utf8').trim();
      say(
        `Another build is running here${holder === '' ? '' : ` (process ${holder})`}: waiting for it.`,
      );
      waitForLockSync(file);
    }
    ftruncateSync(file);
    writeSync(file, `${process.pid}\n`);
    return work(file);
  } finally {
    closeSync(file);
  }
}

module.exports = { withBuildLock };
