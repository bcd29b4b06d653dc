import { existsSync } from 'node:fs';
import supertest from 'supertest';
import { afterEach, describe, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';

const REDIS_URL_ACCEPTED =
  'redis://host:6379, redis+sentinel://host,host/master, redis+cluster://host,host or the same with ' +
  'rediss; user and password in percent encoding';

let gateway: GatewayProcess;

afterEach(() => gateway.dispose());

describe('settings of the process', () => {
  test('invalid settings end it with 78 and one line each', async () => {
    gateway = await GatewayProcess.create();
    const exit = await gateway.spawn({
      SLUICE_PORT: 'eighty',
      SLUICE_DURABILITY: 'never',
      SLUICE_REDIS_URL: 'http://:sesame@localhost',
    });
    expect(exit.code).toBe(78);
    expect(gateway.logLines).toEqual([
      'SLUICE_PORT is "eighty"; accepted: a whole number from 0 to 65535',
      `SLUICE_REDIS_URL is "http://***@localhost"; accepted: ${REDIS_URL_ACCEPTED}`,
      'SLUICE_DURABILITY is "never"; accepted: "fsync", "os"',
    ]);
    expect(gateway.outputLines).toEqual([]);
  });

  test('an unusable Redis URL or TLS file ends it before anything is opened', async () => {
    gateway = await GatewayProcess.create();
    const dataDir = `${gateway.dataDir}/data`;
    const exit = await gateway.spawn({
      SLUICE_DATA_DIR: dataDir,
      SLUICE_REDIS_URL: 'redis://a:b/sesame@host:1',
      SLUICE_CLUSTER_SECRET: 'secret-of-a-test-cluster',
      SLUICE_CLUSTER_TLS_CA_FILE: 'package.json',
      SLUICE_CLUSTER_TLS_CERT_FILE: '/nowhere/cert.pem',
      SLUICE_CLUSTER_TLS_KEY_FILE: 'package.json',
    });
    expect(exit.code).toBe(78);
    expect(gateway.logLines).toEqual([
      `SLUICE_REDIS_URL is "redis://***@host:1"; accepted: ${REDIS_URL_ACCEPTED} ` +
        '(a node is a host, or a host and a port from 1 to 65535)',
      'SLUICE_CLUSTER_TLS_CA_FILE is "package.json"; accepted: a PEM file',
      expect.stringMatching(
        /^SLUICE_CLUSTER_TLS_CERT_FILE is "\/nowhere\/cert.pem"; accepted: a file/,
      ),
      'SLUICE_CLUSTER_TLS_KEY_FILE is "package.json"; accepted: a PEM file',
    ]);
    expect(existsSync(dataDir)).toBe(false);
  });

  test('a misspelt variable causes a warning, and the gateway starts', async () => {
    gateway = await GatewayProcess.start({ SLUICE_TOPIC_MAX: '5' });
    expect(gateway.log).toContainEqual(
      expect.objectContaining({
        level: 'warn',
        msg: 'SLUICE_TOPIC_MAX is not a setting and has no effect; did you mean SLUICE_TOPICS_MAX?',
      }),
    );
  });

  test('a public URL is in the cluster description and the banner', async () => {
    gateway = await GatewayProcess.start({ SLUICE_PUBLIC_URL: 'http://broker.example/sluice' });
    expect(gateway.outputLines.join('\n')).toContain('http://broker.example/sluice/docs');
    const cluster = await supertest(gateway.url).get('/v1/cluster').expect(200);
    expect(cluster.body.brokers).toEqual([
      { id: 0, url: 'http://broker.example/sluice', rack: null, alive: true },
    ]);
  });
});
