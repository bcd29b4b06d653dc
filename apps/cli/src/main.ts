/**
 * The entry of the command line. `serve` becomes the gateway at once, in this process: its launcher
 * must run before anything has used the thread pool (docs/adr/0003-thread-pool-and-launcher.md).
 */
import nodeModule, { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
/** Files of the build, beside this one. */
const GATEWAY = '../gateway/main.js';
const COMMAND_LINE = './command-line.cjs';

if (process.argv[2] === 'serve') {
  process.argv.splice(2, 1);
  require(GATEWAY);
} else {
  // Node.js 22.8 and later keep what V8 compiles from start to start.
  (nodeModule as { readonly enableCompileCache?: () => unknown }).enableCompileCache?.();
  const { runCommandLine } = require(COMMAND_LINE) as typeof import('./run-command-line.js');
  void runCommandLine(process.argv);
}
