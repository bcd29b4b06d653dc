import { describe, expect, test } from 'vitest';
import { descriptorLimit, descriptorStatus, shareDescriptors } from './descriptor-limit.js';

describe('the descriptors of a process', () => {
  test('are enough for all connections where the limit is high', () => {
    expect(shareDescriptors(1_048_576, 10_000)).toMatchObject({
      connectionsMax: 10_000,
      openFilesMax: 65_536,
      warnings: [],
    });
  });

  test('go to segment files where connections leave some over', () => {
    expect(shareDescriptors(16_384, 10_000)).toMatchObject({
      connectionsMax: 10_000,
      openFilesMax: 6184,
    });
    expect(shareDescriptors(11_224, 10_000)).toMatchObject({ openFilesMax: 1024, warnings: [] });
  });

  test('are not taken by connections where the limit is low, and the operator is told', () => {
    const shares = shareDescriptors(512, 10_000);
    expect(shares).toMatchObject({ connectionsMax: 156, openFilesMax: 156 });
    expect(shares.warnings).toHaveLength(1);
    expect(shares.warnings[0]).toContain('156 connections are accepted instead of the 10000');
  });

  test.each([1, 40, 80, 120])(
    'leave room for a connection and the log with a limit of %i',
    (limit) => {
      const shares = shareDescriptors(limit, 10_000);
      expect(shares.connectionsMax).toBeGreaterThan(0);
      expect(shares.openFilesMax).toBeGreaterThanOrEqual(32);
    },
  );

  test('are all for the settings where the system does not say how many there are', () => {
    expect(shareDescriptors(undefined, 10_000)).toMatchObject({
      connectionsMax: 10_000,
      warnings: [],
    });
  });

  test.runIf(process.platform === 'linux')('are counted', () => {
    const status = descriptorStatus(descriptorLimit());
    expect(status?.inUse).toBeGreaterThan(2);
    expect(status?.limit).toBeGreaterThan(status?.inUse ?? 0);
  });
});
