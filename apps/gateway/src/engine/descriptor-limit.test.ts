import { describe, expect, test } from 'vitest';
import { descriptorLimit, descriptorStatus, shareDescriptors } from './descriptor-limit.js';

describe('sharing the descriptors of a process', () => {
  test('all connections are accepted if the limit is high', () => {
    expect(shareDescriptors(1_048_576, 10_000)).toMatchObject({
      connectionsMax: 10_000,
      openFilesMax: 65_536,
      warnings: [],
    });
  });

  test('descriptors that connections leave over go to segment files', () => {
    expect(shareDescriptors(16_384, 10_000)).toMatchObject({
      connectionsMax: 10_000,
      openFilesMax: 6184,
    });
    expect(shareDescriptors(11_224, 10_000)).toMatchObject({ openFilesMax: 1024, warnings: [] });
  });

  test('fewer connections are accepted if the limit is low, and the operator is warned', () => {
    const shares = shareDescriptors(512, 10_000);
    expect(shares).toMatchObject({ connectionsMax: 156, openFilesMax: 156 });
    expect(shares.warnings).toHaveLength(1);
    expect(shares.warnings[0]).toContain('156 connections are accepted instead of the 10000');
  });

  test.each([1, 40, 80, 120])('a limit of %i leaves room for a connection and the log', (limit) => {
    const shares = shareDescriptors(limit, 10_000);
    expect(shares.connectionsMax).toBeGreaterThan(0);
    expect(shares.openFilesMax).toBeGreaterThanOrEqual(32);
  });

  test('settings apply unchanged if the system does not report a limit', () => {
    expect(shareDescriptors(undefined, 10_000)).toMatchObject({
      connectionsMax: 10_000,
      warnings: [],
    });
  });

  test.runIf(process.platform === 'linux')('open descriptors are counted', async () => {
    const status = await descriptorStatus(descriptorLimit());
    expect(status?.inUse).toBeGreaterThan(2);
    expect(status?.limit).toBeGreaterThan(status?.inUse ?? 0);
  });
});
