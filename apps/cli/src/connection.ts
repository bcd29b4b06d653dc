import { readFileSync } from 'node:fs';
import { WebSocket } from 'ws';
import { Sluice, type SluiceOptions, type WebSocketClass } from '#client';
import { type Context, Contexts } from './contexts.js';
import { UsageError } from './exit-codes.js';

/** Options that every command has. */
export interface GlobalOptions extends Context {
  readonly context?: string | undefined;
  readonly json?: boolean | undefined;
}

const DEFAULT_URL = 'http://127.0.0.1:8080';

interface TlsFiles {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/**
 * Connects to the gateway that options, variables or a context name, in this order.
 * @throws UsageError for a file that cannot be read, or contradictions
 */
export function connect(options: GlobalOptions, environment = process.env): Sluice {
  const { SLUICE_URL: url, SLUICE_API_KEY: apiKey, SLUICE_TOKEN: token } = environment;
  const context = new Contexts().find(options.context);
  const { apiKeyFile, tokenFile } = { ...context, ...given(options) };
  const urls = options.url ?? (url || context.url || DEFAULT_URL);
  const tls = tlsOf({ ...context, ...given(options) });
  return new Sluice({
    url: urls.split(',').map((one) => one.trim()),
    clientId: 'sluice-cli',
    ...authOf({ apiKeyFile, tokenFile, apiKey, token }),
    WebSocket: webSocketWith(tls),
    ...(tls === undefined ? {} : { fetch: fetchWith(tls) }),
  });
}

/** The options that were given: one that is undefined must not hide that of a context. */
function given(options: Context): Context {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function authOf(secrets: {
  readonly apiKeyFile: string | undefined;
  readonly tokenFile: string | undefined;
  readonly apiKey: string | undefined;
  readonly token: string | undefined;
}): Partial<Pick<SluiceOptions, 'auth'>> {
  const { apiKeyFile, tokenFile } = secrets;
  if (apiKeyFile !== undefined && tokenFile !== undefined) {
    throw new UsageError('Give --api-key-file or --token-file, not both.');
  }
  if (tokenFile !== undefined) {
    // A file is read at each use, so that a program may renew the token in it.
    return { auth: { token: () => readSecret('--token-file', tokenFile) } };
  }
  if (apiKeyFile !== undefined) {
    return { auth: { apiKey: readSecret('--api-key-file', apiKeyFile) } };
  }
  if (secrets.token) return { auth: { token: secrets.token } };
  if (secrets.apiKey) return { auth: { apiKey: secrets.apiKey } };
  return {};
}

function readSecret(option: string, path: string): string {
  return readOptionFile(option, path).toString('utf8').trim();
}

function tlsOf({ ca, cert, key }: Context): TlsFiles | undefined {
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

/** Node's own fetch takes no certificates; undici is loaded only where there are some. */
function fetchWith(tls: TlsFiles): typeof globalThis.fetch {
  const loaded = import('undici').then((undici) => ({
    fetch: undici.fetch,
    dispatcher: new undici.Agent({ connect: { ...tls } }),
  }));
  const call = async (input: unknown, init: object): Promise<unknown> => {
    const { fetch, dispatcher } = await loaded;
    return await fetch(input as string, { ...init, dispatcher });
  };
  return call as typeof globalThis.fetch;
}

function webSocketWith(tls: TlsFiles | undefined): WebSocketClass {
  return class extends WebSocket {
    constructor(url: string, protocols?: string | string[]) {
      super(url, protocols, { ...tls });
    }
  };
}
