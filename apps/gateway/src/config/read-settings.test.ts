import { describe, expect, test } from 'vitest';
import { readSettings } from './read-settings.js';

function problemsOf(environment: Record<string, string>): readonly string[] {
  const read = readSettings(environment);
  return read.ok ? [] : read.problems;
}

/** The required settings of a broker of a cluster. */
const CLUSTER = {
  SLUICE_REDIS_URL: 'redis://127.0.0.1:6379',
  SLUICE_CLUSTER_SECRET: '0123456789abcdef',
};

describe('settings from the environment', () => {
  test('an empty environment gives the documented defaults', () => {
    const read = readSettings({ PATH: '/bin', HOME: '/root' });
    expect(read).toMatchObject({
      ok: true,
      warnings: [],
      settings: {
        host: '127.0.0.1',
        port: 8080,
        publicUrl: undefined,
        corsOrigins: [],
        dataDir: './data',
        durability: 'fsync',
        ioThreads: 32,
        syncsInFlightMax: 24,
        bufferMemoryBytes: 33_554_432,
        batchSizeBytes: 16_384,
        lingerMs: 0,
        autoCreateTopics: false,
        compression: 'api',
      },
    });
  });

  test('an empty value counts as unset', () => {
    expect(readSettings({ SLUICE_PORT: '', SLUICE_REDIS_URL: '' })).toMatchObject({
      ok: true,
      settings: { port: 8080 },
    });
  });

  test('all problems are reported at once, each with variable, value and what is accepted', () => {
    expect(
      problemsOf({
        SLUICE_PORT: '80a',
        SLUICE_DURABILITY: 'maybe',
        SLUICE_AUTO_CREATE_TOPICS: 'yes',
        SLUICE_PUBLIC_URL: 'ftp://example.com',
        SLUICE_CORS_ORIGINS: 'https://a.example, b.example',
        SLUICE_CLUSTER_ID: 'a b',
      }),
    ).toEqual([
      'SLUICE_PORT is "80a"; accepted: a whole number from 0 to 65535',
      'SLUICE_PUBLIC_URL is "ftp://example.com"; accepted: an http or https URL without query or fragment',
      'SLUICE_CORS_ORIGINS is "https://a.example, b.example"; accepted: origins such as https://app.example.com, separated by commas, or "*" for all',
      'SLUICE_CLUSTER_ID is "a b"; accepted: 1 to 64 of the characters a-z, A-Z, 0-9, ".", "_" and "-"',
      'SLUICE_DURABILITY is "maybe"; accepted: "fsync", "os"',
      'SLUICE_AUTO_CREATE_TOPICS is "yes"; accepted: "true", "false"',
    ]);
  });

  test.each(['-1', '65536', '8080.5', '1e3', '0x50', ' ', '99999999999999999999'])(
    'the port %j is refused or means the default',
    (port) => {
      const problems = problemsOf({ SLUICE_PORT: port });
      expect(problems).toHaveLength(port.trim() === '' ? 0 : 1);
    },
  );

  test('values that contradict each other are refused', () => {
    expect(problemsOf({ SLUICE_IO_THREADS: '8', SLUICE_SYNCS_IN_FLIGHT_MAX: '8' })).toEqual([
      'SLUICE_SYNCS_IN_FLIGHT_MAX is "8"; accepted: a whole number below SLUICE_IO_THREADS (8)',
    ]);
    expect(problemsOf({ SLUICE_REQUEST_MEMORY_BYTES: '1048576' })).toEqual([
      'SLUICE_REQUEST_MEMORY_BYTES is "1048576"; accepted: at least SLUICE_REQUEST_BYTES_MAX (16777216)',
    ]);
  });

  test('the syncs in flight follow the threads', () => {
    expect(readSettings({ SLUICE_IO_THREADS: '4' })).toMatchObject({
      settings: { syncsInFlightMax: 3 },
    });
  });

  test('a Redis URL is refused without its password', () => {
    for (const url of [
      'http://:sesame@host',
      'redis:sesame',
      'redis://',
      'redis+other://:sesame@a',
    ]) {
      const [problem, ...others] = problemsOf({ ...CLUSTER, SLUICE_REDIS_URL: url });
      expect(problem).toMatch(/^SLUICE_REDIS_URL is "[^"]*"; accepted: redis:\/\/host:6379, /);
      expect(problem).not.toContain('sesame');
      expect(others).toEqual([]);
    }
  });

  test('a variable of the command line in the same shell gets no warning', () => {
    const variables = { SLUICE_URL: 'http://a', SLUICE_API_KEY: 'a.b', SLUICE_TOKEN: 't' };
    expect(readSettings(variables)).toMatchObject({ ok: true, warnings: [] });
  });

  test('a misspelt variable is warned about, with a suggestion', () => {
    const read = readSettings({ SLUICE_PROT: '1', SLUICE_FROBNICATE: '1', SLUICE_LEASE_MS: '900' });
    expect(read.ok).toBe(true);
    expect(read.warnings).toEqual([
      'SLUICE_FROBNICATE is not a setting and has no effect',
      'SLUICE_LEASE_MS has no effect without SLUICE_REDIS_URL',
      'SLUICE_PROT is not a setting and has no effect; did you mean SLUICE_PORT?',
    ]);
  });

  test('a public URL loses the slash at its end', () => {
    expect(readSettings({ SLUICE_PUBLIC_URL: 'https://example.com/' })).toMatchObject({
      settings: { publicUrl: 'https://example.com' },
    });
  });
});

describe('settings of cluster mode', () => {
  test('the URL of Redis and a secret are enough', () => {
    expect(readSettings(CLUSTER)).toMatchObject({
      ok: true,
      warnings: [],
      settings: {
        redisUrl: 'redis://127.0.0.1:6379',
        clusterHost: '127.0.0.1',
        clusterPort: 0,
        clusterUrl: undefined,
        clusterSecret: '0123456789abcdef',
        leaseMs: 6000,
        clusterMessageBytesMax: 67_108_864,
        clusterMemoryBytes: 268_435_456,
      },
    });
  });

  test.each(['redis+sentinel://a,b/main', 'rediss+cluster://u:p@a:1,b:2', 'rediss://:p@[::1]/3'])(
    'Redis at %s is accepted',
    (url) => {
      expect(problemsOf({ ...CLUSTER, SLUICE_REDIS_URL: url })).toEqual([]);
    },
  );

  test('the secret is required, and a short one is refused without being repeated', () => {
    const accepted = '16 to 1024 printable characters without spaces';
    expect(problemsOf({ SLUICE_REDIS_URL: 'redis://a' })).toEqual([
      `SLUICE_CLUSTER_SECRET is not set; accepted: ${accepted}, the same for all brokers`,
    ]);
    expect(problemsOf({ ...CLUSTER, SLUICE_CLUSTER_SECRET: 'short' })).toEqual([
      `SLUICE_CLUSTER_SECRET is set; accepted: ${accepted}`,
    ]);
  });

  test.each([{ SLUICE_HOST: '0.0.0.0', SLUICE_AUTH: 'on' }, { SLUICE_CLUSTER_HOST: '::' }])(
    'a listener on all addresses requires a cluster URL: %j',
    (hosts) => {
      const plaintext = { SLUICE_CLUSTER_PLAINTEXT: 'accepted' };
      expect(problemsOf({ ...CLUSTER, ...hosts, ...plaintext })).toEqual([
        expect.stringMatching(
          /^SLUICE_CLUSTER_URL is not set; accepted: .* bound to all addresses/,
        ),
      ]);
      const url = { SLUICE_CLUSTER_URL: 'http://broker-1:9080', SLUICE_CLUSTER_PORT: '9080' };
      expect(problemsOf({ ...CLUSTER, ...hosts, ...url, ...plaintext })).toEqual([]);
    },
  );

  test('off loopback the brokers need TLS, or the decision to do without it', () => {
    const host = { SLUICE_CLUSTER_HOST: '192.0.2.1' };
    expect(problemsOf({ ...CLUSTER, ...host })).toEqual([
      expect.stringMatching(
        /^SLUICE_CLUSTER_TLS_CERT_FILE is not set; .*three TLS files, or SLUICE_CLUSTER_PLAINTEXT=accepted/,
      ),
    ]);
    expect(problemsOf({ ...CLUSTER, ...host, SLUICE_CLUSTER_PLAINTEXT: 'accepted' })).toEqual([]);
    const files = { CA: 'ca.pem', CERT: 'cert.pem', KEY: 'key.pem' };
    const tls = Object.entries(files).map(([name, file]) => [
      `SLUICE_CLUSTER_TLS_${name}_FILE`,
      file,
    ]);
    expect(problemsOf({ ...CLUSTER, ...host, ...Object.fromEntries(tls) })).toEqual([]);
  });

  test('a cluster URL requires a fixed port', () => {
    expect(problemsOf({ ...CLUSTER, SLUICE_CLUSTER_URL: 'http://broker-1:9080' })).toEqual([
      'SLUICE_CLUSTER_PORT is "0"; accepted: a whole number from 1 to 65535, because SLUICE_CLUSTER_URL names a port',
    ]);
  });

  test.each(['http://a/path', 'http://u:p@a', 'ftp://a', 'http://a?x=1', 'a:80'])(
    'the cluster URL %s is refused',
    (url) => {
      expect(
        problemsOf({ ...CLUSTER, SLUICE_CLUSTER_URL: url, SLUICE_CLUSTER_PORT: '1' }),
      ).toHaveLength(1);
    },
  );

  test('TLS requires three files and a URL with https', () => {
    const url = { SLUICE_CLUSTER_URL: 'http://a:1', SLUICE_CLUSTER_PORT: '1' };
    const cert = { SLUICE_CLUSTER_TLS_CERT_FILE: 'cert.pem' };
    expect(problemsOf({ ...CLUSTER, ...url, ...cert })).toEqual([
      'SLUICE_CLUSTER_TLS_CA_FILE is not set; accepted: a path, because TLS needs all three files',
      'SLUICE_CLUSTER_TLS_KEY_FILE is not set; accepted: a path, because TLS needs all three files',
      'SLUICE_CLUSTER_URL is "http://a:1"; accepted: a URL with https://, because TLS files are set',
    ]);
    expect(
      problemsOf({ ...CLUSTER, SLUICE_CLUSTER_URL: 'https://a:1', SLUICE_CLUSTER_PORT: '1' }),
    ).toEqual([
      'SLUICE_CLUSTER_URL is "https://a:1"; accepted: a URL with http://, because no TLS files are set',
    ]);
  });

  test('the largest produce and fetch must fit a message between brokers', () => {
    expect(problemsOf({ ...CLUSTER, SLUICE_CLUSTER_MESSAGE_BYTES_MAX: '2000000' })).toEqual([
      'SLUICE_CLUSTER_MESSAGE_BYTES_MAX is "2000000"; accepted: at least twice SLUICE_REQUEST_BYTES_MAX and SLUICE_REPLICA_FETCH_RESPONSE_MAX_BYTES (33554432)',
    ]);
    expect(problemsOf({ ...CLUSTER, SLUICE_CLUSTER_MEMORY_BYTES: '2000000' })).toEqual([
      'SLUICE_CLUSTER_MEMORY_BYTES is "2000000"; accepted: at least SLUICE_CLUSTER_MESSAGE_BYTES_MAX (67108864)',
    ]);
    const large = { SLUICE_REQUEST_BYTES_MAX: '33554432' };
    expect(readSettings({ ...CLUSTER, ...large })).toMatchObject({
      settings: { clusterMessageBytesMax: 134_217_728, clusterMemoryBytes: 536_870_912 },
    });
  });

  test('a single broker needs none of these settings', () => {
    expect(
      problemsOf({ SLUICE_HOST: '0.0.0.0', SLUICE_AUTH: 'off', SLUICE_CLUSTER_TLS_CA_FILE: 'a' }),
    ).toEqual([]);
  });
});
