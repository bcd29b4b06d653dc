import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import supertest from 'supertest';
import { expect, onTestFinished, test } from 'vitest';

/** Standard error as a file on a disk without space. */
const FULL_DEVICE = '/dev/full';

test.skipIf(process.platform !== 'linux').each(['json', 'pretty'])(
  'a gateway serves although the disk of its log is full (%s)',
  async (format) => {
    const dataDir = mkdtempSync(join(tmpdir(), 'sluice-test-'));
    const log = openSync(FULL_DEVICE, 'w');
    const child = spawn(process.execPath, ['dist/apps/gateway/main.js'], {
      env: {
        ...process.env,
        SLUICE_PORT: '0',
        SLUICE_DATA_DIR: dataDir,
        SLUICE_LOG_FORMAT: format,
        SLUICE_LOG_LEVEL: 'debug',
      },
      stdio: ['ignore', 'pipe', log],
    });
    const closed = once(child, 'close');
    onTestFinished(async () => {
      child.kill('SIGKILL');
      await closed;
      closeSync(log);
      rmSync(dataDir, { recursive: true });
    });

    if (child.stdout === null) throw new Error('the standard output is a pipe');
    let url = '';
    for await (const line of createInterface(child.stdout)) {
      url ||= /http:\/\/\S+/.exec(line)?.[0] ?? '';
      if (line.includes('/records?')) break;
    }
    const http = supertest(url);
    await http.post('/v1/topics').send({ name: 'orders' }).expect(201);
    await http.post('/v1/topics/orders/records').send({ value: 'tea' }).expect(200);
    await http.get('/health/ready').expect(200);

    child.kill('SIGTERM');
    expect(await closed).toEqual([0, null]);
  },
);
