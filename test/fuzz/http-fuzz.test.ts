import { expect, onTestFailed, test } from 'vitest';
import { useGateway } from '../data/gateway-under-test.js';
import { RawConnection } from '../data/raw-connection.js';
import { type FuzzCase, fuzzCase } from './http-cases.js';
import { SeededRandom } from './seeded-random.js';

/** Another run: `SLUICE_FUZZ_SEED=7 SLUICE_FUZZ_CASES=100000 npx vitest run test/fuzz`. */
const SEED = Number(process.env['SLUICE_FUZZ_SEED'] ?? 20_260_101);
const CASES = Number(process.env['SLUICE_FUZZ_CASES'] ?? 1500);
const CONNECTIONS = 16;
const HEAP_GROWTH_MAX_BYTES = 32 * 1024 * 1024;

const gateway = useGateway({
  SLUICE_REQUEST_BYTES_MAX: '1000000',
  SLUICE_BODY_IDLE_TIMEOUT_MS: '2000',
  SLUICE_TOPICS_MAX: '20',
});

test('no input ends the process, stays unanswered, or leaves anything behind', {
  timeout: 240_000 + CASES * 50,
}, async () => {
  onTestFailed(() => {
    console.error(`seed ${SEED}`, gateway.process.logLines.slice(-10).join('\n'));
  });
  const kept = await gateway.topic();
  await produce('/v1/topics', '{"name":"fuzz","partitions":2}');
  await produce(`/v1/topics/${kept}/records`, '{"value":"before"}');
  const random = new SeededRandom(SEED);
  await run(random, Math.ceil(CASES / 5));
  await gateway.untilIdle();
  const warmHeapBytes = await gateway.metric('nodejs_heap_size_used_bytes');

  await run(random, CASES);

  await gateway.untilIdle();
  await expect
    .poll(() => gateway.metric('nodejs_heap_size_used_bytes'))
    .toBeLessThan(warmHeapBytes + HEAP_GROWTH_MAX_BYTES);
  await produce(`/v1/topics/${kept}/records`, '{"value":"after"}');
  expect(await gateway.values(kept)).toEqual(['before', 'after']);
  const errors = gateway.process.log.filter((line) => line['level'] === 'error');
  expect(errors.slice(0, 3), `${errors.length} errors in the log, seed ${SEED}`).toEqual([]);
  expect(await gateway.process.stop()).toEqual({ code: 0, signal: null });
});

async function run(random: SeededRandom, count: number): Promise<void> {
  let left = count;
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await play(fuzzCase(random));
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, lane));
}

/** A complete request is answered; an incomplete one is closed. Either way the connection ends. */
async function play({ pieces, ending }: FuzzCase): Promise<void> {
  const connection = await RawConnection.open(gateway.url);
  for (const piece of pieces) await connection.send(piece);
  if (ending === 'abort') {
    connection.abort();
    return;
  }
  connection.endSending();
  await connection.closed();
  const sent = Buffer.concat(pieces).toString('latin1');
  const { received } = connection;
  const context = `seed ${SEED}: ${JSON.stringify(sent)}`;
  if (received !== '') expect(received.slice(0, 20), context).toMatch(/^HTTP\/1\.1 [1-5]\d\d /);
  expect(received.includes('HTTP/1.1 500 '), context).toBe(false);
  connection.abort();
}

async function produce(path: string, body: string): Promise<void> {
  const headers = { 'Content-Type': 'application/json' };
  const response = await fetch(`${gateway.url}${path}`, { method: 'POST', headers, body });
  expect(response.status).toBeLessThan(300);
}
