import { X509Certificate } from 'node:crypto';
import type { HttpFront, TlsMaterial } from '#http-front';
import type { TlsStatus } from '#observability';
import { SystemScheduler } from '#runtime';
import type { Settings } from '../config/settings.js';
import type { ProcessLogger } from '../logging/logger.js';
import { publicTlsPaths, readPublicTls } from './public-tls-files.js';
import { TlsReloader } from './tls-reloader.js';

/**
 * TLS of the public listener: its files, read again when they change.
 *
 * Overlap: `follow` is called once after `open`, then `close` once.
 */
export class PublicTls {
  #material: TlsMaterial;
  readonly #settings: Settings;
  #reloader: TlsReloader<TlsMaterial> | undefined;

  private constructor(settings: Settings, material: TlsMaterial) {
    this.#settings = settings;
    this.#material = material;
  }

  /**
   * @returns undefined if the settings name no certificate
   * @throws PemFileError
   */
  static async open(settings: Settings): Promise<PublicTls | undefined> {
    const material = await readPublicTls(settings);
    return material === undefined ? undefined : new PublicTls(settings, material);
  }

  get material(): TlsMaterial {
    return this.#material;
  }

  /** Passes changed files to the front from now on. */
  follow(front: HttpFront, logger: ProcessLogger): void {
    const settings = this.#settings;
    const options = {
      current: this.#material,
      paths: publicTlsPaths(settings),
      intervalMs: settings.tlsReloadIntervalMs,
      read: async () => (await readPublicTls(settings)) ?? this.#material,
      use: (material: TlsMaterial) => {
        this.#material = material;
        front.useTls(material);
      },
    };
    this.#reloader = new TlsReloader(options, { logger, scheduler: new SystemScheduler() });
  }

  status(): TlsStatus {
    const { reloads, failures } = this.#reloader?.status() ?? { reloads: 0, failures: 0 };
    const expiresAtMs = Date.parse(new X509Certificate(this.#material.cert).validTo);
    return { reloads, failures, expiresAtMs };
  }

  close(): void {
    this.#reloader?.close();
  }
}
