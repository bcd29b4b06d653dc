import supertest from 'supertest';
import { afterEach, describe, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';

let gateway: GatewayProcess;

afterEach(() => gateway.dispose());

describe('settings of the process', () => {
  test('bad ones end it with 78 and one line each', async () => {
    gateway = await GatewayProcess.create();
    const exit = await gateway.spawn({
      SLUICE_PORT: 'eighty',
      SLUICE_DURABILITY: 'never',
      SLUICE_REDIS_URL: 'http://:sesame@localhost',
    });
    expect(exit.code).toBe(78);
    expect(gateway.logLines).toEqual([
      'SLUICE_PORT is "eighty"; accepted: a whole number from 0 to 65535',
      'SLUICE_REDIS_URL is set; accepted: redis://host:6379, redis+sentinel://host,host/master, redis+cluster://host,host or the same with rediss',
      'SLUICE_DURABILITY is "never"; accepted: "fsync", "os"',
    ]);
    expect(gateway.outputLines).toEqual([]);
  });

  test('a misspelt one is warned about, and the gateway starts', async () => {
    gateway = await GatewayProcess.start({ SLUICE_TOPIC_MAX: '5' });
    expect(gateway.log).toContainEqual(
      expect.objectContaining({
        level: 'warn',
        msg: 'SLUICE_TOPIC_MAX is not a setting and has no effect; did you mean SLUICE_TOPICS_MAX?',
      }),
    );
  });

  test('a public URL is what the cluster description and the banner say', async () => {
    gateway = await GatewayProcess.start({ SLUICE_PUBLIC_URL: 'http://broker.example/sluice' });
    expect(gateway.outputLines.join('\n')).toContain('http://broker.example/sluice/docs');
    const cluster = await supertest(gateway.url).get('/v1/cluster').expect(200);
    expect(cluster.body.brokers).toEqual([
      { id: 0, url: 'http://broker.example/sluice', rack: null, alive: true },
    ]);
  });
});
