/**
 * `npm start`: builds if necessary, then becomes the gateway.
 *
 * It runs in this process and in CommonJS, so that signals reach it and libuv's thread pool has no
 * size yet when the launcher sets it (docs/adr/0003-thread-pool-and-launcher.md).
 */
const path = require('node:path');
const { buildIfNeeded } = require('./current-build.cjs');

const status = buildIfNeeded();
if (status === 0) require(path.join(__dirname, '../dist/apps/gateway/main.js'));
else process.exitCode = status;
