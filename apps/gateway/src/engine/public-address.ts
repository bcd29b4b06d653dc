import { isIP } from 'node:net';
import type { Settings } from '../config/settings.js';

const WILDCARDS = ['0.0.0.0', '::'];

/** Where clients reach this broker; a free port is known only once it is listened on. */
export class PublicAddress {
  readonly #settings: Pick<Settings, 'host' | 'publicUrl'>;
  #port: number;

  constructor(settings: Pick<Settings, 'host' | 'port' | 'publicUrl'>) {
    this.#settings = settings;
    this.#port = settings.port;
  }

  /** Called when the listener is bound. */
  listensOn(port: number): void {
    this.#port = port;
  }

  get port(): number {
    return this.#port;
  }

  /** What the cluster is told: null until it is known which port is listened on. */
  get knownUrl(): string | null {
    return this.#settings.publicUrl === undefined && this.#port === 0 ? null : this.url;
  }

  /**
   * The path of an address as clients see it: a proxy in front of the gateway may add a prefix,
   * which SLUICE_PUBLIC_URL names.
   * @param path absolute, as this process serves it, such as `/v1/topics`
   */
  pathOf(path: string): string {
    return publicPrefix(this.url) + path;
  }

  /**
   * The server of the OpenAPI document: the public URL where it is set, else the address that the
   * document was loaded from, because a gateway may be reached by several names.
   */
  get documentedServer(): string {
    return this.#settings.publicUrl ?? '/';
  }

  /** The address of the setting, or of the listener; a wildcard is shown as localhost. */
  get url(): string {
    const { host, publicUrl } = this.#settings;
    if (publicUrl !== undefined) return publicUrl;
    const name = isIP(host) === 6 ? `[${host}]` : host;
    return `http://${WILDCARDS.includes(host) ? 'localhost' : name}:${this.#port}`;
  }
}

/**
 * The path in front of every path of this process, as clients see it; empty where there is none.
 */
export function publicPrefix(publicUrl: string): string {
  return new URL(publicUrl).pathname.replace(/\/$/, '');
}
