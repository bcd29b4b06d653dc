import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';
import { mountSmallDisk } from '../support/small-disk.js';
import { AUTH_ON, asRoot, bearer, keyWith } from './keys.js';

const MIB = 1024 * 1024;

/** Writes until the disk has no space left. */
function fill(disk: string): void {
  const file = openSync(join(disk, 'filler'), 'w');
  try {
    for (;;) writeSync(file, Buffer.alloc(4096));
  } catch {
    // The disk is full.
  } finally {
    closeSync(file);
  }
}

test('a key is revoked on a full disk, also for the next start', async ({ skip }) => {
  const disk = mountSmallDisk(8 * MIB);
  if (disk === undefined) {
    skip('no right to mount a file system');
    return;
  }
  const gateway = await GatewayProcess.start({
    ...AUTH_ON,
    SLUICE_DATA_DIR: disk,
    SLUICE_DISK_RESERVE_BYTES: String(MIB),
  });
  onTestFinished(() => gateway.dispose());
  const { id, key } = await keyWith(gateway, []);
  const whoami = () => fetch(`${gateway.url}/v1/whoami`, { headers: bearer(key) });
  expect((await whoami()).status).toBe(200);
  fill(disk);
  await asRoot(gateway, 'DELETE', `/v1/api-keys/${id}`);
  expect((await whoami()).status).toBe(401);
  await gateway.kill();
  await gateway.start();
  expect((await whoami()).status).toBe(401);
});
