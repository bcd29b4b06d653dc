import { readFileSync } from 'node:fs';
import { type ClientOptions, WebSocket } from 'ws';
import { Sluice, type SluiceOptions, type WebSocketClass } from '#client';
import { nodeFetch, type TlsFiles } from '#client/node';
import { type Context, Contexts } from './contexts.js';
import { UsageError } from './exit-codes.js';

/** Options that every command has. */
export interface GlobalOptions extends Context {
  readonly context?: string | undefined;
  readonly json?: boolean | undefined;
}

/** Changes the text of a WebSocket message before the client library reads it. */
export type ChangeMessage = (message: string) => string;

const DEFAULT_URL = 'http://127.0.0.1:8080';

/** One of the places that say how to reach a gateway. Variables hold secrets themselves. */
interface Source extends Context {
  readonly apiKey?: string | undefined;
  readonly token?: string | undefined;
}

/**
 * Connects to the gateway that options, the context that they name, variables or the current
 * context name, in this order. The current context counts only as a whole: its credential is for
 * no gateway that an option or a variable names.
 * @throws UsageError for a file that cannot be read, or contradictions
 */
export function connect(options: GlobalOptions, change?: ChangeMessage): Sluice {
  const sources = sourcesOf(options);
  const [url = DEFAULT_URL] = sources.flatMap((source) => source.url ?? []);
  const tls = tlsOf(sources);
  return new Sluice({
    url: url.split(',').map((one) => one.trim()),
    clientId: 'sluice-cli',
    ...authOf(sources),
    WebSocket: webSocketWith(tls, change),
    fetch: tls && nodeFetch(tls),
  });
}

/** The sources that count, the most important one first. */
function sourcesOf(options: GlobalOptions): Source[] {
  const { SLUICE_URL, SLUICE_API_KEY, SLUICE_TOKEN } = process.env;
  const url = SLUICE_URL || undefined;
  const variables = { url, apiKey: SLUICE_API_KEY, token: SLUICE_TOKEN };
  const contexts = new Contexts();
  if (options.context !== undefined) return [options, contexts.find(options.context), variables];
  if (options.url !== undefined || url !== undefined) return [options, variables];
  return [options, variables, contexts.find(undefined)];
}

/** The credential of the first source that has one. */
function authOf(sources: readonly Source[]): Partial<Pick<SluiceOptions, 'auth'>> {
  for (const { apiKeyFile, tokenFile, apiKey, token } of sources) {
    assertOneCredential({ apiKeyFile, tokenFile });
    if (tokenFile !== undefined) {
      // A file is read at each use, so that a program may renew the token in it.
      const read = (): string => readSecret('--token-file', tokenFile);
      read();
      return { auth: { token: read } };
    }
    if (apiKeyFile !== undefined) {
      return { auth: { apiKey: readSecret('--api-key-file', apiKeyFile) } };
    }
    if (token) return { auth: { token } };
    if (apiKey) return { auth: { apiKey } };
  }
  return {};
}

/** @throws UsageError if both files are given */
export function assertOneCredential({ apiKeyFile, tokenFile }: Context): void {
  if (apiKeyFile === undefined || tokenFile === undefined) return;
  throw new UsageError('Give --api-key-file or --token-file, not both.');
}

function readSecret(option: string, path: string): string {
  return readOptionFile(option, path).toString('utf8').trim();
}

function tlsOf(sources: readonly Source[]): TlsFiles | undefined {
  const [ca] = sources.flatMap((source) => source.ca ?? []);
  const [cert] = sources.flatMap((source) => source.cert ?? []);
  const [key] = sources.flatMap((source) => source.key ?? []);
  if (ca === undefined && cert === undefined && key === undefined) return undefined;
  if ((cert === undefined) !== (key === undefined)) {
    throw new UsageError('A client certificate needs both --cert and --key.');
  }
  return {
    ...(ca === undefined ? {} : { ca: readOptionFile('--ca', ca) }),
    ...(cert === undefined ? {} : { cert: readOptionFile('--cert', cert) }),
    ...(key === undefined ? {} : { key: readOptionFile('--key', key) }),
  };
}

/** Reads a file that an option names. @throws UsageError */
function readOptionFile(option: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new UsageError(`${option}: cannot read ${path} (${(cause as Error).message}).`, {
      cause,
    });
  }
}

function webSocketWith(tls: TlsFiles | undefined, change?: ChangeMessage): WebSocketClass {
  return class extends WebSocket {
    constructor(url: string, protocols?: string | string[]) {
      super(url, protocols, { ...(tls as ClientOptions | undefined) });
    }

    override emit(event: string, ...args: unknown[]): boolean {
      const isChanged = event === 'message' && change !== undefined;
      return super.emit(event, ...(isChanged ? [change(String(args[0])), false] : args));
    }
  };
}
