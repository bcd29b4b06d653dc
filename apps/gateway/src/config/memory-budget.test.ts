import { expect, test } from 'vitest';
import { GIB, MIB } from '#settings';
import { memoryItems, memoryWarnings } from './memory-budget.js';
import { readSettings } from './read-settings.js';
import type { Settings } from './settings.js';

function settingsOf(environment: Record<string, string> = {}): Settings {
  const read = readSettings(environment);
  if (!read.ok) throw new Error(read.problems.join());
  return read.settings;
}

test('settings that fit the memory and the heap cause no warning', () => {
  const available = { totalBytes: 16 * GIB, heapLimitBytes: 4 * GIB };
  expect(memoryWarnings(settingsOf(), available)).toEqual([]);
});

test('settings that exceed the memory cause a warning that names the largest ones', () => {
  const warnings = memoryWarnings(settingsOf({ SLUICE_OFFSETS_KEPT_BYTES: String(GIB) }), {
    totalBytes: GIB,
    heapLimitBytes: 256 * MIB,
  });
  expect(warnings).toHaveLength(2);
  expect(warnings[0]).toMatch(
    /allow \d+ MiB of memory, available are 1024 MiB; most of it: SLUICE_OFFSETS_KEPT_BYTES 1024 MiB, /,
  );
  expect(warnings[1]).toMatch(
    /allow \d+ MiB of heap, its limit is 256 MiB; most of it: SLUICE_OFFSETS_KEPT_BYTES 1024 MiB, /,
  );
});

test('calls of brokers count only in cluster mode', () => {
  const named = (settings: Settings): boolean =>
    memoryItems(settings).some(({ variables }) =>
      variables.includes('SLUICE_CLUSTER_MEMORY_BYTES'),
    );
  expect(named(settingsOf())).toBe(false);
  const cluster = {
    SLUICE_REDIS_URL: 'redis://127.0.0.1:6379',
    SLUICE_CLUSTER_SECRET: 'secret-of-a-test-cluster',
  };
  expect(named(settingsOf(cluster))).toBe(true);
});
