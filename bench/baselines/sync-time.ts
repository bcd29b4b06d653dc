/** Measures the time of an fdatasync of a small append. Usage: sync-time DIRECTORY */
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';

const SYNCS = 300;
const file = join(process.argv[2] ?? '.', 'sync-time');
const handle = await open(file, 'a');
const bytes = Buffer.alloc(200, 'x');
const times: number[] = [];
for (let sync = 0; sync < SYNCS; sync += 1) {
  await handle.write(bytes);
  const startedMs = performance.now();
  await handle.datasync();
  times.push(performance.now() - startedMs);
}
await handle.close();
await rm(file);
times.sort((a, b) => a - b);
process.stdout.write(`${JSON.stringify({ p50Ms: times[SYNCS / 2] })}\n`);
