/**
 * Checks that calls of other brokers leave a broker within its bound on their memory, whether they
 * are accepted, refused or cut off: measured by resident memory, which returns afterwards.
 */
import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { PeerSecrets } from '../../libs/peer-rpc/src/authentication/peer-secrets.js';
import {
  formatSessionCredential,
  HELLO_PATH,
  PEER_HEADERS,
  peerAuthorization,
} from '../../libs/peer-rpc/src/peer-protocol.js';
import { freePort } from '../support/free-port.js';
import { GatewayProcess } from '../support/gateway.js';
import { metricOf } from '../support/metric-of.js';
import { RedisServer } from '../support/redis-server.js';
import { INSPECTED, ResidentMemory } from '../support/resident-memory.js';
import { until } from '../support/until.js';

const MIB = 1024 * 1024;
const BOUND_BYTES = 64 * MIB;
const MESSAGE_BYTES_MAX = 32 * MIB;
/** Resident memory beyond the bound: uncollected read buffers, and memory of the allocator. */
const SLACK_BYTES = 192 * MIB;
/** Memory that a gateway may still use after a burst: caches that fill on first use. */
const HELD_BYTES = 16 * MIB;
const CALLERS = 100;
const BLOCK = Buffer.alloc(256 * 1024, 'x');
const SECRET = 'secret-of-a-test-cluster';
const BROKER_ID = '1';

let redis: RedisServer;
let broker: GatewayProcess;
let memory: ResidentMemory;
let clusterPort = 0;
let clusterUuid = '';
let session = '';
let calls = 0;
const callers: Socket[] = [];

beforeAll(async () => {
  redis = await RedisServer.start();
  clusterPort = await freePort();
  broker = await GatewayProcess.start({
    ...INSPECTED,
    SLUICE_BROKER_ID: BROKER_ID,
    SLUICE_REDIS_URL: `redis://127.0.0.1:${redis.port}`,
    SLUICE_CLUSTER_SECRET: SECRET,
    SLUICE_CLUSTER_PORT: String(clusterPort),
    SLUICE_CLUSTER_MEMORY_BYTES: String(BOUND_BYTES),
    SLUICE_CLUSTER_MESSAGE_BYTES_MAX: String(MESSAGE_BYTES_MAX),
  });
  const meta = await readFile(join(broker.dataDir, 'meta.json'), 'utf8');
  clusterUuid = /"cluster_uuid":\s*"([^"]+)"/.exec(meta)?.[1] ?? '';
  session = await openedSession();
  memory = await ResidentMemory.of(broker);
});

afterEach(async () => {
  for (const caller of callers.splice(0)) caller.destroy();
  await until('the account to be empty', async () => (await heldBytes()) === 0);
  await memory.untilReleased(HELD_BYTES);
});

afterAll(async () => {
  memory.close();
  await broker.dispose();
  await redis.close();
});

describe('a burst of calls that each send 15 MB stays within the memory for calls', () => {
  test('as calls that are cut off before their end', async () => {
    await burst({}, MESSAGE_BYTES_MAX);
    expect(await heldBytes()).toBeGreaterThan(0);
  });

  test('as calls without a seal', async () => {
    await burst({}, 15 * MIB);
  });

  test('as calls with another secret', async () => {
    await burst({ [PEER_HEADERS.authorization]: 'Sluice another' }, MESSAGE_BYTES_MAX);
    expect(await heldBytes()).toBe(0);
  });

  test('as calls larger than the limit of one', async () => {
    await burst({}, MESSAGE_BYTES_MAX + 1);
    expect(await heldBytes()).toBe(0);
  });
});

/**
 * Sends 15 MB on every connection, as far as the broker reads them.
 * @param lengthBytes announced length of each call
 */
async function burst(
  changes: Readonly<Record<string, string>>,
  lengthBytes: number,
): Promise<void> {
  await memory.resetLargest();
  await Promise.all(
    Array.from({ length: CALLERS }, async () => {
      const caller = connect(clusterPort, '127.0.0.1');
      caller.on('error', () => undefined);
      caller.resume();
      callers.push(caller);
      caller.write(head(changes, lengthBytes));
      for (let sent = 0; sent < 15 * MIB && caller.writable; sent += BLOCK.length) {
        if (!caller.write(BLOCK)) await untilWritable(caller);
      }
    }),
  );
  expect((await memory.largestBytes()) / MIB).toBeLessThan((BOUND_BYTES + SLACK_BYTES) / MIB);
  expect(await heldBytes()).toBeLessThanOrEqual(BOUND_BYTES);
}

/** A refused caller is not read from any more, until its connection is cut. */
function untilWritable(caller: Socket): Promise<void> {
  return new Promise((resolve) => {
    for (const event of ['drain', 'close', 'end']) caller.once(event, () => resolve());
  });
}

function head(changes: Readonly<Record<string, string>>, lengthBytes: number): string {
  const headers = {
    host: 'broker',
    [PEER_HEADERS.authorization]: nextCredential(),
    [PEER_HEADERS.cluster]: clusterUuid,
    [PEER_HEADERS.protocol]: '1',
    [PEER_HEADERS.caller]: '2',
    [PEER_HEADERS.callee]: BROKER_ID,
    'content-length': String(lengthBytes),
    ...changes,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return ['POST /cluster/v1/produce HTTP/1.1', ...lines, '', ''].join('\r\n');
}

/** Opens a session as broker 2 does. */
async function openedSession(): Promise<string> {
  const nonce = 'A'.repeat(22);
  const proofs = new PeerSecrets([SECRET]).proofs(['hello', clusterUuid, '2', BROKER_ID, nonce]);
  const headers = {
    [PEER_HEADERS.authorization]: peerAuthorization(proofs),
    [PEER_HEADERS.cluster]: clusterUuid,
    [PEER_HEADERS.protocol]: '1',
    [PEER_HEADERS.caller]: '2',
    [PEER_HEADERS.callee]: BROKER_ID,
    [PEER_HEADERS.nonce]: nonce,
  };
  const url = `http://127.0.0.1:${clusterPort}${HELLO_PATH}`;
  const answer = await fetch(url, { method: 'POST', headers });
  return answer.headers.get(PEER_HEADERS.session) ?? '';
}

/** Returns a credential that is admitted by its head; the seal is checked with the whole body. */
function nextCredential(): string {
  calls += 1;
  return peerAuthorization(
    formatSessionCredential({ session, counter: calls, seal: 'A'.repeat(22) }),
  );
}

function heldBytes(): Promise<number> {
  return metricOf(broker.url, 'sluice_cluster_calls_memory_used_bytes');
}
