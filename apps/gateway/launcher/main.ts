import url = require('node:url');
import v8 = require('node:v8');

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

/**
 * How far the heap may grow between two whole collections, in percent of what lives. V8 judges that by
 * how fast JavaScript objects are made, and does not see the buffers of records: it would collect
 * after every ten MiB that pass through (docs/adr/0013-collections-and-buffers.md).
 */
v8.setFlagsFromString('--heap-growing-percent=200');

const gateway = new URL('../../esm/apps/gateway/src/main.js', url.pathToFileURL(__filename));
void import(gateway.href);
