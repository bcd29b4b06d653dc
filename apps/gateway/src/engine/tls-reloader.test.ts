import { expect, test } from 'vitest';
import { FakeClock, FakeScheduler, RecordingLogger } from '#runtime/testing';
import { TlsReloader } from './tls-reloader.js';

test('files that cannot be read are logged once, and the earlier ones stay in use', async () => {
  const logger = new RecordingLogger();
  const scheduler = new FakeScheduler(new FakeClock());
  const used: string[] = [];
  let read = (): Promise<string> => Promise.reject(new Error('no such file'));
  const reloader = new TlsReloader(
    {
      current: 'first',
      // The directory cannot be watched: the reads at the interval find the change.
      paths: ['/no/such/directory/cert.pem'],
      intervalMs: 1000,
      read: () => read(),
      use: (material) => used.push(material),
    },
    { logger, scheduler },
  );
  await scheduler.advance(3000);
  expect(reloader.status()).toEqual({ reloads: 0, failures: 1 });
  expect(logger.lines).toMatchObject([
    { level: 'debug', fields: { directory: '/no/such/directory' } },
    { message: expect.stringContaining('the earlier ones stay in use') },
  ]);
  read = () => Promise.resolve('second');
  await scheduler.advance(1000);
  expect(used).toEqual(['second']);
  expect(reloader.status()).toEqual({ reloads: 1, failures: 1 });
  reloader.close();
});
