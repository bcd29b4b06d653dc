import { describe, expect, test } from 'vitest';
import { readSettings } from './read-settings.js';

function problemsOf(environment: Record<string, string>): readonly string[] {
  const read = readSettings(environment);
  return read.ok ? [] : read.problems;
}

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
      'SLUICE_DURABILITY is "maybe"; accepted: "fsync", "os"',
      'SLUICE_CLUSTER_ID is "a b"; accepted: 1 to 64 of the characters a-z, A-Z, 0-9, ".", "_" and "-"',
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

  test('a Redis URL is refused without being repeated, for it may hold a password', () => {
    expect(problemsOf({ SLUICE_REDIS_URL: 'redis://:secret@host' })).toEqual([
      'SLUICE_REDIS_URL is set; accepted: unset (this version runs embedded only: one broker, without Redis)',
    ]);
  });

  test('a misspelt variable is warned about, with the one that was meant', () => {
    const read = readSettings({ SLUICE_PROT: '1', SLUICE_FROBNICATE: '1', SLUICE_LEASE_MS: '1' });
    expect(read.ok).toBe(true);
    expect(read.warnings).toEqual([
      'SLUICE_FROBNICATE is not a setting and has no effect',
      'SLUICE_LEASE_MS has no effect: this version runs embedded only: one broker, without Redis',
      'SLUICE_PROT is not a setting and has no effect; did you mean SLUICE_PORT?',
    ]);
  });

  test('a public URL is taken without the slash at its end', () => {
    expect(readSettings({ SLUICE_PUBLIC_URL: 'https://example.com/' })).toMatchObject({
      settings: { publicUrl: 'https://example.com' },
    });
  });
});
