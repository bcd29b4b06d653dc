import type { GatewayProcess } from './gateway.js';
import { Inspector } from './inspector.js';

/**
 * Measures the slices of a gateway's event loop: how much processor time its main thread takes for
 * one turn of the loop. It measures processor time, not wall time, so that a busy machine has no
 * influence; on systems without processor time per thread, that of the whole process.
 *
 * The gateway has to run with NODE_OPTIONS `--inspect=127.0.0.1:0`.
 */
export class LoopSlices {
  readonly #inspector: Inspector;

  private constructor(inspector: Inspector) {
    this.#inspector = inspector;
  }

  static async of(gateway: GatewayProcess): Promise<LoopSlices> {
    const inspector = await Inspector.of(gateway);
    await inspector.evaluate(METER);
    return new LoopSlices(inspector);
  }

  /** The longest slice from now until the work is done, ms. */
  async longestDuring(work: () => Promise<void>): Promise<number> {
    await this.#inspector.evaluate('sliceMeter.start()');
    try {
      await work();
    } finally {
      await this.#inspector.evaluate('sliceMeter.stop()');
    }
    return Number(await this.#inspector.evaluate('sliceMeter.longestMs'));
  }

  /** Processor time that a fixed piece of work takes in the gateway now, ms: the median of some. */
  async referenceMs(): Promise<number> {
    return Number(await this.#inspector.evaluate('sliceMeter.referenceMs()'));
  }

  close(): void {
    this.#inspector.close();
  }
}

/**
 * Source code that runs in the gateway. A timer of one millisecond, which the loop fires at most
 * once per turn, looks at the processor time: a slice is measured with the turns of the
 * millisecond before it. The loop rests while there is nothing to do, so that the processor is free
 * for the client.
 *
 * The timer is started once, while the gateway is idle. The inspector may run its code in the
 * middle of any JavaScript, and a timer that was started in the middle of Node's own code for
 * timers left a list of timers that never ended.
 */
const METER = `globalThis.sliceMeter = (() => {
  const { openSync, readSync } = process.getBuiltinModule('node:fs');
  const text = Buffer.alloc(64);
  let file;
  try { file = openSync('/proc/thread-self/schedstat'); } catch {}
  const cpuMs = () => {
    if (file === undefined) {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    }
    readSync(file, text, 0, 64, 0);
    return Number(text.latin1Slice(0, text.indexOf(32))) / 1e6;
  };
  const escapes = '"' + '\\u0061'.repeat(1 << 20) + '"';
  const parseMs = () => {
    const beganMs = cpuMs();
    JSON.parse(escapes);
    return cpuMs() - beganMs;
  };
  let turnBeganMs = cpuMs();
  let isMeasuring = false;
  const meter = {
    longestMs: 0,
    start() {
      meter.longestMs = 0;
      turnBeganMs = cpuMs();
      isMeasuring = true;
    },
    stop() { isMeasuring = false; },
    referenceMs() { return Array.from({ length: 5 }, parseMs).sort((a, b) => a - b)[2]; },
  };
  setInterval(() => {
    const nowMs = cpuMs();
    if (isMeasuring) meter.longestMs = Math.max(meter.longestMs, nowMs - turnBeganMs);
    turnBeganMs = nowMs;
  }, 1).unref();
  return meter;
})(); undefined`;
