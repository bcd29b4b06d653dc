import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { UsageError } from './exit-codes.js';

/** The way to reach a gateway. Secrets are named by their files and never kept here. */
export interface Context {
  readonly url?: string | undefined;
  readonly apiKeyFile?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

interface ContextsFile {
  readonly current: string | undefined;
  readonly contexts: Readonly<Record<string, Context>>;
}

/** The named contexts of a person, in a file that only its owner can read (0600). */
export class Contexts {
  readonly #path: string;

  constructor(path = contextsPath(process.env)) {
    this.#path = path;
  }

  /** @throws UsageError if there is no such context */
  find(name: string | undefined): Context {
    const { current, contexts } = this.read();
    const wanted = name ?? current;
    if (wanted === undefined) return {};
    const context = Object.hasOwn(contexts, wanted) ? contexts[wanted] : undefined;
    if (context !== undefined) return context;
    const known = Object.keys(contexts).join(', ') || 'none';
    throw new UsageError(`There is no context "${wanted}"; contexts: ${known}.`);
  }

  read(): ContextsFile {
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
        return { current: undefined, contexts: {} };
      }
      throw error;
    }
    try {
      return JSON.parse(text) as ContextsFile;
    } catch (cause) {
      throw new UsageError(`${this.#path} is not JSON: repair it or delete it.`, { cause });
    }
  }

  /** Adds or replaces a context; the first one becomes the current one. */
  set(name: string, context: Context): void {
    const { current, contexts } = this.read();
    this.#write({ current: current ?? name, contexts: { ...contexts, [name]: context } });
  }

  /** @throws UsageError if there is no such context */
  use(name: string): void {
    this.find(name);
    this.#write({ ...this.read(), current: name });
  }

  /** @throws UsageError if there is no such context */
  delete(name: string): void {
    this.find(name);
    const { current, contexts } = this.read();
    const others = Object.fromEntries(Object.entries(contexts).filter(([each]) => each !== name));
    this.#write({ current: current === name ? undefined : current, contexts: others });
  }

  #write(file: ContextsFile): void {
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    const written = `${this.#path}.${process.pid}`;
    writeFileSync(written, `${JSON.stringify(file, undefined, 2)}\n`, { mode: 0o600 });
    chmodSync(written, 0o600);
    renameSync(written, this.#path);
  }
}

function contextsPath(environment: NodeJS.ProcessEnv): string {
  const directory = environment['XDG_CONFIG_HOME'] || join(homedir(), '.config');
  return join(directory, 'sluice', 'contexts.json');
}
