/**
 * HTTP load over raw keep-alive sockets, one request outstanding per connection: as many requests
 * as the server answers, or a fixed rate. The time of a request counts from when it was due if the
 * rate is fixed, so that a server that stops for a while is charged for all who wait meanwhile. A
 * general client would be slower than the server; this one sends prebuilt bytes and only finds the
 * end of each answer.
 *
 *     taskset -c 1 node bench/load/http-load.mjs '{"port": 8080, "path": "/", ...}'
 *
 * One JSON argument (or `@file`), see `LoadOptions`; one JSON line with the result on stdout.
 */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { performance } from 'node:perf_hooks';
import { argv, exit, stdout } from 'node:process';
import { pathToFileURL } from 'node:url';
import { LatencyHistogram } from './latency-histogram.mjs';
import { ResponseReader } from './response-reader.mjs';
import { ServerCpu } from './server-cpu.mjs';

/**
 * @typedef {object} LoadOptions
 * @property {string} [host] default 127.0.0.1
 * @property {number} port
 * @property {number} [connections] default 64
 * @property {number} [ratePerSecond] default: as many as the server answers
 * @property {number} [warmupMs] not counted, default 1000
 * @property {number} [durationMs] counted, default 5000
 * @property {string} [method] default POST
 * @property {string} [path]
 * @property {readonly string[]} [paths] taken in turn, in place of `path`
 * @property {Record<string, string>} [headers]
 * @property {string} [body]
 * @property {readonly string[]} [bodies] taken in turn, in place of `body`
 * @property {number} [serverPid] process whose CPU time is measured
 *
 * @typedef {object} LoadResult
 * @property {number} requests counted answers
 * @property {number} requestsPerSecond
 * @property {number} bytesPerSecond of answers, heads included
 * @property {Record<string, number>} statuses answers by status
 * @property {number} socketErrors connections that failed or were closed by the server
 * @property {number | undefined} serverCpuMs CPU time of the server while answers were counted
 * @property {{p50: number, p90: number, p99: number, p999: number, max: number}} latencyMs
 */

/**
 * @param {LoadOptions} options
 * @returns {Promise<LoadResult>}
 */
export async function runHttpLoad(options) {
  const requests = buildRequests(options);
  const run = new LoadRun(options, requests);
  return run.result();
}

/** @param {LoadOptions} options */
function buildRequests(options) {
  const method = options.method ?? 'POST';
  const paths = options.paths ?? [options.path ?? '/'];
  const bodies = options.bodies ?? [options.body ?? ''];
  const count = Math.max(paths.length, bodies.length);
  return Array.from({ length: count }, (_, index) => {
    const body = Buffer.from(bodies[index % bodies.length] ?? '');
    /** @type {Record<string, string>} */
    const headers = { Host: `127.0.0.1:${options.port}`, ...options.headers };
    if (method !== 'GET' && method !== 'HEAD') headers['Content-Length'] = String(body.length);
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const head = `${method} ${paths[index % paths.length]} HTTP/1.1\r\n${lines.join('')}\r\n`;
    return Buffer.concat([Buffer.from(head, 'latin1'), body]);
  });
}

class LoadRun {
  /**
   * @param {LoadOptions} options
   * @param {readonly Buffer[]} requests
   */
  constructor(options, requests) {
    this.options = options;
    this.requests = requests;
    this.turn = 0;
    /** Connections that wait for a request, at a fixed rate. @type {((dueMs: number) => void)[]} */
    this.idle = [];
    /** Requests that are due and wait for a connection: when they were. @type {number[]} */
    this.due = [];
    this.isCounting = false;
    this.isOver = false;
    this.answered = 0;
    this.bytes = 0;
    this.socketErrors = 0;
    /** @type {Record<string, number>} */
    this.statuses = {};
    this.latencies = new LatencyHistogram();
    /** @type {import('node:net').Socket[]} */
    this.sockets = [];
  }

  async result() {
    const { connections = 64, warmupMs = 1000, durationMs = 5000, serverPid } = this.options;
    const serverCpu = new ServerCpu(serverPid);
    for (let index = 0; index < connections; index += 1) this.open();
    if (this.options.ratePerSecond !== undefined) this.pace(this.options.ratePerSecond);
    await after(warmupMs);
    serverCpu.begin();
    this.isCounting = true;
    const startedMs = performance.now();
    await after(durationMs);
    const seconds = (performance.now() - startedMs) / 1000;
    this.isOver = true;
    serverCpu.end();
    for (const socket of this.sockets) socket.destroy();
    return {
      requests: this.answered,
      requestsPerSecond: Math.round(this.answered / seconds),
      bytesPerSecond: Math.round(this.bytes / seconds),
      statuses: this.statuses,
      socketErrors: this.socketErrors,
      serverCpuMs: serverCpu.usedMs,
      latencyMs: this.latencies.summary(),
    };
  }

  /**
   * Makes requests due at a rate until the run is over.
   * @param {number} ratePerSecond
   */
  pace(ratePerSecond) {
    const intervalMs = 1000 / ratePerSecond;
    let nextMs = performance.now();
    const timer = setInterval(() => {
      if (this.isOver) clearInterval(timer);
      for (; nextMs <= performance.now() && !this.isOver; nextMs += intervalMs) {
        const send = this.idle.pop();
        if (send === undefined) this.due.push(nextMs);
        else send(nextMs);
      }
    }, 1);
  }

  /**
   * Gives a connection its next request, now or when one is due.
   * @param {(dueMs: number) => void} send
   */
  next(send) {
    if (this.options.ratePerSecond === undefined) return send(performance.now());
    const dueMs = this.due.shift();
    if (dueMs === undefined) this.idle.push(send);
    else send(dueMs);
  }

  open() {
    const socket = connect({ host: this.options.host ?? '127.0.0.1', port: this.options.port });
    socket.setNoDelay(true);
    this.sockets.push(socket);
    let sentAtMs = 0;
    /** @param {number} dueMs */
    const send = (dueMs) => {
      sentAtMs = dueMs;
      socket.write(/** @type {Buffer} */ (this.requests[this.turn]));
      this.turn = (this.turn + 1) % this.requests.length;
    };
    const reader = new ResponseReader((status, sizeBytes) => {
      if (this.isCounting && !this.isOver) {
        this.answered += 1;
        this.bytes += sizeBytes;
        this.statuses[status] = (this.statuses[status] ?? 0) + 1;
        this.latencies.add((performance.now() - sentAtMs) * 1000);
      }
      if (!this.isOver) this.next(send);
    });
    socket.on('connect', () => this.next(send));
    socket.on('data', (chunk) => reader.read(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (this.isOver) return;
      this.socketErrors += 1;
      // A delay before reconnecting keeps a server alive that refuses all connections.
      setTimeout(() => this.isOver || this.open(), 50);
    });
  }
}

/** @param {number} delayMs */
function after(delayMs) {
  return new Promise((resolve) => {
    setTimeout(resolve, delayMs);
  });
}

if (argv[1] !== undefined && import.meta.url === pathToFileURL(argv[1]).href) {
  const text = argv[2] ?? '{}';
  const options = JSON.parse(text.startsWith('@') ? readFileSync(text.slice(1), 'utf8') : text);
  stdout.write(`${JSON.stringify(await runHttpLoad(options))}\n`);
  exit(0);
}
