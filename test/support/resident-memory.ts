import { readFile, writeFile } from 'node:fs/promises';
import type { GatewayProcess } from './gateway.js';
import { Inspector } from './inspector.js';
import { until } from './until.js';

/** Setting with which `ResidentMemory` can collect the garbage of a gateway. */
export const INSPECTED = { NODE_OPTIONS: '--inspect=127.0.0.1:0' };

/** Resident memory of a gateway that was started with `INSPECTED`, in bytes. */
export class ResidentMemory {
  readonly #gateway: GatewayProcess;
  readonly #inspector: Inspector;
  #idleBytes = 0;

  private constructor(gateway: GatewayProcess, inspector: Inspector) {
    this.#gateway = gateway;
    this.#inspector = inspector;
  }

  /** Measures the idle gateway. */
  static async of(gateway: GatewayProcess): Promise<ResidentMemory> {
    const memory = new ResidentMemory(gateway, await Inspector.of(gateway));
    memory.#idleBytes = await memory.#collectedBytes();
    return memory;
  }

  /** Begins a new measurement of the largest resident memory. */
  async resetLargest(): Promise<void> {
    await writeFile(`/proc/${this.#gateway.pid}/clear_refs`, '5');
  }

  /** Largest resident memory since `resetLargest`, beyond that of the idle gateway. */
  async largestBytes(): Promise<number> {
    return (await this.#read('VmHWM')) - this.#idleBytes;
  }

  /** Waits until the resident memory is less than this above that of the idle gateway. */
  async untilBelow(bytes: number): Promise<void> {
    await until('resident memory to fall', async () => {
      return (await this.#collectedBytes()) < this.#idleBytes + bytes;
    });
  }

  close(): void {
    this.#inspector.close();
  }

  async #collectedBytes(): Promise<number> {
    await this.#inspector.collectGarbage();
    return this.#read('VmRSS');
  }

  async #read(field: 'VmRSS' | 'VmHWM'): Promise<number> {
    const status = await readFile(`/proc/${this.#gateway.pid}/status`, 'utf8');
    return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
  }
}
