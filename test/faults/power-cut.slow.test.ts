import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { SeededRandom } from '../fuzz/seeded-random.js';
import { GatewayProcess } from '../support/gateway.js';
import { makeDiskImage, mountDiskImage } from '../support/small-disk.js';
import { until } from '../support/until.js';
import { Ledger } from './ledger.js';
import { committedOffset, type Load, startClients, TOPIC, wholeLog } from './load.js';
import { RestartingGateway } from './restarting-gateway.js';

const SEED = Number(process.env['SLUICE_KILLS_SEED'] ?? 20_261_201);
const CUTS = Number(process.env['SLUICE_POWER_CUTS'] ?? 4);
const PARTITIONS = 3;
const MIB = 1024 * 1024;
const DISK_BYTES = 256 * MIB;
const SETTINGS = {
  SLUICE_DISK_RESERVE_BYTES: String(MIB),
  SLUICE_BUFFER_MEMORY_BYTES: '1000000',
};

test('power cuts under load: what was acknowledged is on the disk, once; what failed is not', {
  timeout: 120_000 + CUTS * 30_000,
}, async ({ skip }) => {
  const image = makeDiskImage(DISK_BYTES);
  const disk = image === undefined ? undefined : mountDiskImage(image);
  if (image === undefined || disk === undefined) {
    skip('no right to mount the image of a disk');
    return;
  }
  const dataDir = join(disk, 'data');
  const gateway = await RestartingGateway.start({ ...SETTINGS, SLUICE_DATA_DIR: dataDir });
  onTestFinished(() => gateway.process.dispose());
  await createTopic(await gateway.url());
  const random = new SeededRandom(SEED);
  const ledger = new Ledger();
  const load: Load = { gateway, ledger, random, partitions: PARTITIONS };
  const clients = Promise.all(startClients(load));
  clients.catch(() => undefined);
  for (let cut = 0; cut < CUTS; cut += 1) {
    await Promise.race([ledger.more(200 + random.below(1500)), clients]);
    // Nothing is answered between the two, so that the copy has all that was acknowledged.
    gateway.process.signal('SIGSTOP');
    await stopped(gateway.process.pid);
    const copy = `${image}-${cut}`;
    copyFileSync(image, copy);
    const known = ledger.copy();
    gateway.process.signal('SIGCONT');
    await expectAllOf(known, copy, `cut ${cut}, seed ${SEED}, ${JSON.stringify(ledger.counts)}`);
  }
  gateway.end();
  await clients;
});

async function createTopic(url: string): Promise<void> {
  // Small segments, so that cuts meet rolls.
  const topic = { name: TOPIC, partitions: PARTITIONS, configs: { 'segment.bytes': 65_536 } };
  const headers = { 'Content-Type': 'application/json' };
  const init = { method: 'POST', headers, body: JSON.stringify(topic) };
  expect((await fetch(`${url}/v1/topics`, init)).status).toBe(201);
}

/** Resolves when no thread of a process runs. */
async function stopped(pid: number): Promise<void> {
  await until('the gateway is stopped', () =>
    /\) T /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')),
  );
}

/** Starts a gateway on the image of a disk, and compares its records with the answers. */
async function expectAllOf(known: Ledger, image: string, context: string): Promise<void> {
  const disk = mountDiskImage(image);
  expect(disk).toBeDefined();
  const gateway = await GatewayProcess.start({
    ...SETTINGS,
    SLUICE_DATA_DIR: join(disk ?? '', 'data'),
  });
  onTestFinished(() => gateway.dispose());
  const log = await wholeLog(gateway.url, PARTITIONS);
  expect(known.contradictions(log).slice(0, 10), context).toEqual([]);
  const offset = await committedOffset(gateway.url);
  expect(offset, context).toBeGreaterThanOrEqual(known.committedAcknowledged);
  expect(offset, context).toBeLessThanOrEqual(known.committedSent);
  await gateway.kill();
}
