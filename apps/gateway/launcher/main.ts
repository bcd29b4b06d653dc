import url = require('node:url');

/**
 * The process's entry, `node dist/apps/gateway/main.js`.
 *
 * CommonJS on purpose: libuv sizes its thread pool once, at the first asynchronous file operation,
 * and Node's ES module loader does one for the entry itself, so that an ES module entry always gets
 * four threads. Here the size is set before anything was read
 * (docs/adr/0003-thread-pool-and-launcher.md).
 */
process.env['UV_THREADPOOL_SIZE'] =
  process.env['SLUICE_IO_THREADS'] ?? process.env['UV_THREADPOOL_SIZE'] ?? '32';

const gateway = new URL('../../esm/apps/gateway/src/main.js', url.pathToFileURL(__filename));
void import(gateway.href);
