import { isIP } from 'node:net';

const WILDCARDS = ['0.0.0.0', '::'];

/** The settings of the address. */
export interface PublicAddressSettings {
  /** Address that the listener is bound to. */
  readonly host: string;
  /** 0 until a free port is chosen. */
  readonly port: number;
  /** URL of a proxy in front of the gateway; undefined without one. */
  readonly publicUrl: string | undefined;
  /** Present if the listener speaks TLS. */
  readonly tlsCertFile?: string | undefined;
}

/** The address at which clients reach this broker; a free port is known only after listening. */
export class PublicAddress {
  readonly #settings: PublicAddressSettings;
  #port: number;

  constructor(settings: PublicAddressSettings) {
    this.#settings = settings;
    this.#port = settings.port;
  }

  /** Sets the port; called when the listener is bound. */
  listensOn(port: number): void {
    this.#port = port;
  }

  get port(): number {
    return this.#port;
  }

  /** The address for the cluster's metadata; null until the port is known. */
  get knownUrl(): string | null {
    return this.#settings.publicUrl === undefined && this.#port === 0 ? null : this.url;
  }

  /**
   * Returns a path as clients see it: a proxy in front of the gateway may add a prefix, which
   * SLUICE_PUBLIC_URL names.
   * @param path absolute, as this process serves it, such as `/v1/topics`
   */
  pathOf(path: string): string {
    return this.pathPrefix + path;
  }

  /**
   * Path that a proxy puts before every path of this process, as clients see it; empty for none.
   */
  get pathPrefix(): string {
    return new URL(this.url).pathname.replace(/\/$/, '');
  }

  /**
   * The server of the OpenAPI document: the public URL if it is set, else the address that the
   * document was loaded from, because a gateway may be reached by several names.
   */
  get documentedServer(): string {
    return this.#settings.publicUrl ?? '/';
  }

  /**
   * The public URL if it is set, else the address of the listener; a wildcard is shown as
   * localhost.
   */
  get url(): string {
    const { host, publicUrl, tlsCertFile } = this.#settings;
    if (publicUrl !== undefined) return publicUrl;
    const name = isIP(host) === 6 ? `[${host}]` : host;
    const scheme = tlsCertFile === undefined ? 'http' : 'https';
    return `${scheme}://${WILDCARDS.includes(host) ? 'localhost' : name}:${this.#port}`;
  }
}
