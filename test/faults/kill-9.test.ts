import { expect, onTestFinished, test } from 'vitest';
import { SeededRandom } from '../fuzz/seeded-random.js';
import { Ledger } from './ledger.js';
import { committedOffset, type Load, startClients, TOPIC, wholeLog } from './load.js';
import { RestartingGateway } from './restarting-gateway.js';

/** Another run: `SLUICE_KILLS=100 SLUICE_KILLS_SEED=7 npx vitest run test/faults`. */
const SEED = Number(process.env['SLUICE_KILLS_SEED'] ?? 20_260_102);
const KILLS = Number(process.env['SLUICE_KILLS'] ?? 3);
const PARTITIONS = 3;

test('kill -9 under load: what was acknowledged is there, once; what failed is not', {
  timeout: 240_000 + KILLS * 20_000,
}, async () => {
  const gateway = await RestartingGateway.start({ SLUICE_BUFFER_MEMORY_BYTES: '1000000' });
  onTestFinished(() => gateway.process.dispose());
  // Small segments, so that kills meet rolls.
  const topic = { name: TOPIC, partitions: PARTITIONS, configs: { 'segment.bytes': 16_384 } };
  expect(await call(gateway, '/v1/topics', 'POST', topic)).toMatchObject({ name: TOPIC });
  const random = new SeededRandom(SEED);
  const ledger = new Ledger();
  const load: Load = { gateway, ledger, random, partitions: PARTITIONS };
  const clients = Promise.all(startClients(load));
  clients.catch(() => undefined);

  for (let kill = 0; kill < KILLS; kill += 1) {
    await Promise.race([ledger.more(100 + random.below(1500)), clients]);
    // A stop under load must lose as little, and end well.
    const signal = kill % 3 === 2 ? 'SIGTERM' : 'SIGKILL';
    const environment = { SLUICE_DURABILITY: random.oneIn(2) ? 'os' : 'fsync' };
    const exit = await gateway.restart(signal, environment);
    if (signal === 'SIGTERM') expect(exit).toEqual({ code: 0, signal: null });
  }
  await Promise.race([ledger.more(100), clients]);
  gateway.end();
  await clients;

  const context = `seed ${SEED}, ${JSON.stringify(ledger.counts)}`;
  expect(
    ledger.contradictions(await wholeLog(await gateway.url(), PARTITIONS)).slice(0, 10),
    context,
  ).toEqual([]);
  const offset = await committedOffset(await gateway.url());
  expect(offset, context).toBeGreaterThanOrEqual(ledger.committedAcknowledged);
  expect(offset, context).toBeLessThanOrEqual(ledger.committedSent);
  const errors = gateway.process.log.filter((line) => line['level'] === 'error');
  expect(errors.slice(0, 3), context).toEqual([]);
  expect(await gateway.process.stop()).toEqual({ code: 0, signal: null });
});

async function call(
  gateway: RestartingGateway,
  path: string,
  method: string,
  body?: unknown,
): Promise<unknown> {
  const headers = { 'Content-Type': 'application/json' };
  const init = body === undefined ? { method } : { method, headers, body: JSON.stringify(body) };
  return (await gateway.call(path, init))?.body;
}
