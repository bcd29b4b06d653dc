/**
 * Reads all records of a topic with several clients, as members of a group or without one.
 *
 *     node bench/load/group-load.mjs '{"port": 8080, "mode": "polls", ...}'
 *
 * Takes one JSON argument, see `GroupLoadOptions`; prints one JSON line with the result.
 */
import { Agent, request } from 'node:http';
import { performance } from 'node:perf_hooks';
import { argv, exit, stdout } from 'node:process';
import { clientFrame, openWebSocket } from './raw-websocket.mjs';

/**
 * @typedef {object} GroupLoadOptions
 * @property {number} port
 * @property {'polls' | 'fetches' | 'member-sockets' | 'sockets'} mode
 * @property {string} topic
 * @property {string} group
 * @property {number} partitions
 * @property {number} clients each reads its share of the partitions
 * @property {number} limit records of one answer
 * @property {number} records records to read
 */

const options = /** @type {GroupLoadOptions} */ (JSON.parse(argv[2] ?? '{}'));
const { port, topic, group, partitions, clients, limit, records } = options;
const agent = new Agent({ keepAlive: true, maxSockets: clients });
const RECORD_MARK = Buffer.from('"offset":');
const CREDIT = 10_000;

let seen = 0;
/** @type {() => void} */
let finish = () => undefined;
const finished = new Promise((resolve) => {
  finish = () => resolve(undefined);
});

const start = {
  polls: startPolls,
  fetches: () => Promise.resolve(() => each(fetchAll)),
  'member-sockets': () => Promise.resolve(() => each((client) => subscribe(true, client))),
  sockets: () => Promise.resolve(() => each((client) => subscribe(false, client))),
}[options.mode];
const run = await start();
const startedMs = performance.now();
run();
await finished;
const seconds = (performance.now() - startedMs) / 1000;
stdout.write(`${JSON.stringify({ recordsPerSecond: seen / seconds })}\n`);
exit(0);

/** @param {(client: number) => unknown} begin */
function each(begin) {
  for (let client = 0; client < clients; client += 1) begin(client);
}

/** @param {number} count */
function read(count) {
  seen += count;
  if (seen >= records) finish();
}

/** Joins all members and waits until each has its share; then each polls. */
async function startPolls() {
  const paths = Array.from({ length: clients }, (_, client) => {
    return `/v1/groups/${group}/members/m${client}`;
  });
  for (const client of paths.keys()) {
    const member = { memberId: `m${client}`, topics: [topic], autoOffsetReset: 'earliest' };
    await send('POST', `/v1/groups/${group}/members`, member);
  }
  const generations = paths.map(() => 0);
  for (let settled = 0; settled < clients; ) {
    settled = 0;
    for (const [client, path] of paths.entries()) {
      const generation = generations[client];
      const view = JSON.parse(String(await send('POST', `${path}/heartbeat`, { generation })));
      generations[client] = view.generation;
      if (view.assignment.length === partitions / clients) settled += 1;
    }
  }
  return () => {
    for (const path of paths) void poll(path);
  };
}

/** @param {string} path */
async function poll(path) {
  let cursor = '';
  for (;;) {
    const query = `limit=${limit}&waitMs=1000${cursor === '' ? '' : `&cursor=${cursor}`}`;
    const body = await send('GET', `${path}/records?${query}`);
    cursor = textAfter(body, '"cursor":"', '"');
    read(recordsIn(body));
  }
}

/** @param {number} client */
async function fetchAll(client) {
  const share = partitions / clients;
  const offsets = Array.from({ length: share }, () => 0);
  for (let turn = 0; ; turn += 1) {
    const at = turn % share;
    const path = `/v1/topics/${topic}/partitions/${client * share + at}/records`;
    const body = await send('GET', `${path}?offset=${offsets[at]}&limit=${limit}`);
    offsets[at] = Number.parseInt(textAfter(body, '"nextOffset":', ','), 10);
    read(recordsIn(body));
  }
}

/** @param {boolean} isMember @param {number} client */
async function subscribe(isMember, client) {
  const share = partitions / clients;
  const own = Array.from({ length: share }, (_, at) => client * share + at);
  /** @type {(message: object) => void} */
  let answer = () => undefined;
  const socket = await openWebSocket({
    port,
    protocol: 'sluice.v1',
    onFrame: (bytes, from, to) => {
      const count = recordsIn(bytes.subarray(from, to));
      if (count === 0 || bytes.toString('latin1', from, from + 18) !== '{"event":"records"') return;
      read(count);
      if (!isMember) return;
      const data = { subscription: 's', records: count };
      answer({ event: 'credit', data });
    },
  });
  answer = (message) => socket.write(clientFrame(JSON.stringify(message)));
  const data = isMember
    ? { group, topics: [topic], credit: CREDIT, autoCommit: true }
    : { topic, partitions: own };
  const subscription = { subscription: 's', from: 'earliest', ...data };
  answer({ event: 'subscribe', id: 1, data: subscription });
}

/** @param {Buffer} bytes */
function recordsIn(bytes) {
  let count = 0;
  for (let at = bytes.indexOf(RECORD_MARK); at >= 0; at = bytes.indexOf(RECORD_MARK, at + 9)) {
    count += 1;
  }
  return count;
}

/** @param {Buffer} bytes @param {string} mark @param {string} end */
function textAfter(bytes, mark, end) {
  const at = bytes.lastIndexOf(mark) + mark.length;
  return bytes.toString('latin1', at, Math.max(at, bytes.indexOf(end, at)));
}

/** @param {string} method @param {string} path @param {object} [body] @returns {Promise<Buffer>} */
function send(method, path, body) {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const sent = request({ host: '127.0.0.1', port, method, path, agent, headers }, (answer) => {
      /** @type {Buffer[]} */
      const chunks = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('end', () => {
        const all = Buffer.concat(chunks);
        if (answer.statusCode === 200 || answer.statusCode === 201) resolve(all);
        else reject(new Error(`${method} ${path}: ${answer.statusCode} ${all.toString()}`));
      });
    });
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
