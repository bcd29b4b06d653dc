import { type FSWatcher, watch } from 'node:fs';
import { dirname } from 'node:path';
import type { Logger, Scheduler, Timer } from '#runtime';

/** Time without another change after which changed files are read: files change one by one. */
const QUIET_MS = 250;

/** Values for metrics. */
export interface TlsReloaderStatus {
  readonly reloads: number;
  readonly failures: number;
}

export interface TlsReloaderOptions<Material> {
  /** Certificates and key in use at the start. */
  readonly current: Material;
  /** Files whose directories are watched. */
  readonly paths: readonly string[];
  /** Time between two reads if no change is reported. */
  readonly intervalMs: number;
  /** Reads and checks all files; rejects if they cannot be used. */
  readonly read: () => Promise<Material>;
  readonly use: (material: Material) => void;
}

/** The parts of the process that it needs. */
export interface TlsReloaderPorts {
  readonly logger: Logger;
  readonly scheduler: Scheduler;
}

/**
 * Reads the files of TLS again when they change. The directories are watched, because a new file is
 * usually renamed into place, and the contents are compared at an interval, because network file
 * systems report no changes. Files that cannot be used are logged once; what was in use stays.
 *
 * Overlap: one read runs at a time; a change during it causes another. `close` is called once.
 */
export class TlsReloader<Material> {
  readonly #options: TlsReloaderOptions<Material>;
  readonly #ports: TlsReloaderPorts;
  readonly #watchers: FSWatcher[] = [];
  #inUse: string;
  #timer: Timer | undefined;
  #isReading = false;
  #hasChanged = false;
  #isClosed = false;
  #lastFault: string | undefined;
  #reloads = 0;
  #failures = 0;

  constructor(options: TlsReloaderOptions<Material>, ports: TlsReloaderPorts) {
    this.#options = options;
    this.#ports = ports;
    this.#inUse = JSON.stringify(options.current);
    for (const directory of new Set(options.paths.map((path) => dirname(path)))) {
      this.#watch(directory);
    }
    this.#readIn(options.intervalMs);
  }

  status(): TlsReloaderStatus {
    return { reloads: this.#reloads, failures: this.#failures };
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    for (const watcher of this.#watchers) watcher.close();
  }

  #watch(directory: string): void {
    try {
      const watcher = watch(directory, { persistent: false }, () => {
        this.#changed();
      });
      // A directory that disappears is found by the reads at the interval.
      watcher.on('error', () => undefined);
      this.#watchers.push(watcher);
    } catch (error) {
      this.#ports.logger.debug({ err: error, directory }, 'the directory cannot be watched');
    }
  }

  #changed(): void {
    if (this.#isReading) this.#hasChanged = true;
    else this.#readIn(QUIET_MS);
  }

  #readIn(delayMs: number): void {
    this.#timer?.cancel();
    if (this.#isClosed) return;
    this.#timer = this.#ports.scheduler.after(delayMs, () => {
      void this.#read();
    });
  }

  async #read(): Promise<void> {
    this.#isReading = true;
    this.#hasChanged = false;
    try {
      this.#use(await this.#options.read());
    } catch (error) {
      this.#failed(error);
    }
    this.#isReading = false;
    this.#readIn(this.#hasChanged ? QUIET_MS : this.#options.intervalMs);
  }

  #use(material: Material): void {
    this.#lastFault = undefined;
    const text = JSON.stringify(material);
    if (this.#isClosed || text === this.#inUse) return;
    this.#options.use(material);
    this.#inUse = text;
    this.#reloads += 1;
    this.#ports.logger.info({ files: this.#options.paths }, 'the TLS files changed and are in use');
  }

  #failed(error: unknown): void {
    const fault = error instanceof Error ? error.message : String(error);
    if (fault === this.#lastFault) return;
    this.#lastFault = fault;
    this.#failures += 1;
    const message = 'the TLS files changed and cannot be used; the earlier ones stay in use';
    this.#ports.logger.error({ reason: fault }, message);
  }
}
