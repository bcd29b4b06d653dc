/**
 * `npm start`: builds when it is needed, then becomes the gateway.
 *
 * In this process and CommonJS, so that signals reach it and libuv's thread pool still has no size
 * when the launcher gives it one (docs/adr/0003-thread-pool-and-launcher.md).
 */
const { spawnSync } = require('node:child_process');
const { join } = require('node:path');

const build = spawnSync(process.execPath, [join(__dirname, 'build-if-needed.mjs')], {
  stdio: ['ignore', 2, 2],
});
if (build.status === 0) require('../dist/apps/gateway/main.js');
else process.exitCode = build.status ?? 1;
