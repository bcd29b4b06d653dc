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
  #idleLiveBytes = 0;

  private constructor(gateway: GatewayProcess, inspector: Inspector) {
    this.#gateway = gateway;
    this.#inspector = inspector;
  }

  /** Measures the idle gateway. */
  static async of(gateway: GatewayProcess): Promise<ResidentMemory> {
    const memory = new ResidentMemory(gateway, await Inspector.of(gateway));
    memory.#idleLiveBytes = await memory.#liveBytes();
    memory.#idleBytes = await memory.#read('VmRSS');
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

  /**
   * Waits until the gateway has given back what it held: its heap and the buffers outside of it are
   * less than this above those of the idle gateway. The allocator gives freed pages back late, so
   * that the resident memory does not tell; memory that is lost outside of both shows in
   * `largestBytes` of the next measurement.
   */
  async untilReleased(bytes: number): Promise<void> {
    await until('the memory in use to fall', async () => {
      return (await this.#liveBytes()) < this.#idleLiveBytes + bytes;
    });
  }

  close(): void {
    this.#inspector.close();
  }

  /** Bytes of the heap and of buffers outside of it, after a collection of garbage. */
  async #liveBytes(): Promise<number> {
    await this.#inspector.collectGarbage();
    const sum = '(({ heapUsed, external }) => heapUsed + external)(process.memoryUsage())';
    return (await this.#inspector.evaluate(sum)) as number;
  }

  async #read(field: 'VmRSS' | 'VmHWM'): Promise<number> {
    const status = await readFile(`/proc/${this.#gateway.pid}/status`, 'utf8');
    return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
  }
}
