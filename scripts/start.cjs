/**
 * `npm start`: builds when it is needed, then becomes the gateway.
 *
 * In this process and CommonJS, so that signals reach it and libuv's thread pool still has no size
 * when the launcher gives it one (docs/adr/0003-thread-pool-and-launcher.md).
 */
const { buildIfNeeded } = require('./current-build.cjs');

const status = buildIfNeeded();
if (status === 0) require('../dist/apps/gateway/main.js');
else process.exitCode = status;
