import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { constants, Script } from 'node:vm';

type ModuleFunction = (
  exports: unknown,
  require: NodeJS.Require,
  module: { exports: unknown },
  filename: string,
  directory: string,
) => void;

/**
 * A CommonJS file that is compiled with V8's code cache (docs/adr/0014-bundle-and-code-cache.md).
 *
 * The cache is beside the file, as `<file>.cache`. V8 accepts only a cache that the same version
 * created with the same flags; otherwise the file is compiled as usual.
 */
export class CompiledBundle {
  /** Precedes the file's text in the compiled script: V8's offsets count it. */
  static readonly prefix = '(function (exports, require, module, __filename, __dirname) {';
  readonly #path: string;
  readonly #script: Script;

  private constructor(path: string, script: Script) {
    this.#path = path;
    this.#script = script;
  }

  /** Reads and compiles a file; call it before V8's flags are changed, or the cache is refused. */
  static read(path: string): CompiledBundle {
    const source = readFileSync(path, 'utf8');
    const cachedData = tryRead(cacheOf(path));
    // The wrapper shares the first line of the source, so that line numbers in stack traces are
    // correct.
    const wrapped = `${CompiledBundle.prefix}${source}\n})`;
    const script = new Script(wrapped, {
      filename: path,
      importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
      ...(cachedData === undefined ? {} : { cachedData }),
    });
    return new CompiledBundle(path, script);
  }

  /** True when V8 took the code cache. */
  get isFromCache(): boolean {
    return this.#script.cachedDataRejected === false;
  }

  /** Runs the file and returns its exports. */
  evaluate(): unknown {
    const module = { exports: {} as unknown };
    const run = this.#script.runInThisContext() as ModuleFunction;
    const path = this.#path;
    run.call(module.exports, module.exports, createRequire(path), module, path, dirname(path));
    return module.exports;
  }

  /** Writes the cache of every function that has been compiled so far. */
  writeCache(): void {
    writeFileSync(cacheOf(this.#path), this.#script.createCachedData());
  }
}

function cacheOf(path: string): string {
  return `${path}.cache`;
}

function tryRead(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    // Without a cache the file is compiled as usual.
    return undefined;
  }
}
