import { describe, expect, test } from 'vitest';
import type { BrokerStatus, ClusterStatus, PartitionStatus } from '#broker';
import { OPEN_ACCESS } from '#security';
import { Health } from './health.js';
import { brokerStatus, partitionStatus } from './testing/broker-status.js';

const SOUND = partitionStatus('orders');

const RIGHT_CLOCK = { aheadMs: 0, graceLeftMs: 0, jumpsTotal: 0 };
const SOUND_DISK = { isDiskFull: false, heldBytes: 4096 };

function healthOf(...partitions: PartitionStatus[]): Health {
  return healthOn(SOUND_DISK, partitions);
}

function healthOn(
  disk: BrokerStatus['disk'],
  partitions: readonly PartitionStatus[],
  cluster?: ClusterStatus,
  clock: BrokerStatus['clock'] = RIGHT_CLOCK,
  descriptors?: { readonly inUse: number; readonly limit: number },
): Health {
  const status = brokerStatus(partitions, { disk, clock, cluster });
  return new Health(() => Promise.resolve(status), {
    descriptors: () => Promise.resolve(descriptors),
  });
}

describe('readiness', () => {
  test('it is ok while every partition is', async () => {
    expect(await healthOf(SOUND).readiness(OPEN_ACCESS)).toMatchObject({
      status: 'ok',
      checks: {
        disk: { status: 'ok', reason: null, reserveBytes: 4096 },
        storage: { status: 'ok', partitions: 1 },
      },
    });
  });

  test('an offline, a read-only and a damaged partition degrade it, and are named', async () => {
    const report = await healthOf(
      SOUND,
      { ...SOUND, partition: 1, offline: 'its log is shorter than it was', isWritable: false },
      { ...SOUND, partition: 2, isWritable: false },
      { ...SOUND, partition: 3, damagedRanges: 2 },
      {
        ...SOUND,
        partition: 4,
        isWritable: false,
        lostRecords: [{ startOffset: 3, endOffset: 7 }],
      },
    ).readiness(OPEN_ACCESS);
    expect(report).toEqual({
      status: 'degraded',
      checks: {
        disk: { status: 'ok', reason: null, reserveBytes: 4096 },
        storage: {
          status: 'degraded',
          partitions: 5,
          offline: [{ partition: 'orders-1', reason: 'its log is shorter than it was' }],
          readOnly: ['orders-2', 'orders-4'],
          lost: [{ partition: 'orders-4', startOffset: 3, endOffset: 7 }],
          damaged: [{ partition: 'orders-3', ranges: 2 }],
        },
        clock: { status: 'ok', reason: null, aheadMs: 0 },
        descriptors: { status: 'ok', reason: null, inUse: null, limit: null },
        cluster: null,
        security: null,
      },
    });
  });

  test('a clock that has jumped ahead degrades it, with the consequence', async () => {
    const ahead = { aheadMs: 86_400_000, graceLeftMs: 3_000_000, jumpsTotal: 1 };
    const report = await healthOn(SOUND_DISK, [SOUND], undefined, ahead).readiness(OPEN_ACCESS);
    expect(report).toMatchObject({
      status: 'degraded',
      checks: { clock: { status: 'degraded', aheadMs: 86_400_000 } },
    });
    expect(report.checks.clock.reason).toContain('do not expire by it for another 3000 s');
  });

  test('it is ok if the clock was already ahead at the start (a long stop)', async () => {
    const ahead = { aheadMs: 86_400_000, graceLeftMs: 3_000_000, jumpsTotal: 0 };
    const report = await healthOn(SOUND_DISK, [SOUND], undefined, ahead).readiness(OPEN_ACCESS);
    expect(report.status).toBe('ok');
    expect(report.checks.clock.reason).toContain('was stopped for 86400 s, or its clock is ahead');
  });

  test.each([
    [460, 'ok'],
    [461, 'degraded'],
  ])('%i of 512 file descriptors in use make it %s', async (inUse, expected) => {
    const report = await healthOn(SOUND_DISK, [SOUND], undefined, RIGHT_CLOCK, {
      inUse,
      limit: 512,
    }).readiness(OPEN_ACCESS);
    expect(report.checks.descriptors).toMatchObject({ status: expected, inUse, limit: 512 });
    expect(report.status).toBe(expected);
  });

  test('a full disk degrades it, with the consequence', async () => {
    const report = await healthOn({ isDiskFull: true, heldBytes: 0 }, [SOUND]).readiness(
      OPEN_ACCESS,
    );
    expect(report).toMatchObject({
      status: 'degraded',
      checks: {
        disk: {
          status: 'degraded',
          reason: expect.stringContaining('records are refused until there is space') as string,
          reserveBytes: 0,
        },
        storage: { status: 'ok' },
      },
    });
  });

  test('a broker that stops reports it', async () => {
    const health = healthOf(SOUND);
    health.stopping();
    expect((await health.readiness(OPEN_ACCESS)).status).toBe('stopping');
  });

  test('a long list is shortened', async () => {
    const broken = Array.from({ length: 150 }, (_, partition) => ({
      ...SOUND,
      partition,
      isWritable: false,
    }));
    expect((await healthOf(...broken).readiness(OPEN_ACCESS)).checks.storage.readOnly).toHaveLength(
      100,
    );
  });

  test('a cluster reports whether Redis is available and replicas are missing', async () => {
    const whole: ClusterStatus = {
      isStoreAvailable: true,
      storeFault: undefined,
      isController: false,
      isLeaseValid: true,
      leaseRenewals: { sent: 1, failed: 0, withheld: 0 },
      brokerEpoch: 4,
      brokers: 3,
      brokersAlive: 3,
      partitionsLed: 2,
      partitionsUnderReplicated: 0,
      partitionsReassigning: 0,
      partitionsWithoutLeader: 0,
      metadataVersion: 9,
      journaledVersion: 9,
      leaderCallRetriesTotal: 0,
      reassignmentBytesTotal: 0,
    };
    const checked = (cluster: ClusterStatus) =>
      healthOn(SOUND_DISK, [SOUND], cluster).readiness(OPEN_ACCESS);
    expect(await checked(whole)).toMatchObject({
      status: 'ok',
      checks: { cluster: { status: 'ok', redis: 'ok', reason: null, brokersAlive: 3 } },
    });
    const storeFault = { reason: 'out-of-memory', sentence: 'Redis is full.' } as const;
    expect(await checked({ ...whole, isStoreAvailable: false, storeFault })).toMatchObject({
      status: 'degraded',
      checks: {
        cluster: {
          redis: 'refusing',
          reason: expect.stringMatching(/^Redis is full\. Until then records/),
        },
      },
    });
    expect(await checked({ ...whole, isStoreAvailable: false })).toMatchObject({
      status: 'degraded',
      checks: { cluster: { redis: 'away', reason: expect.stringContaining('Redis') } },
    });
    expect(await checked({ ...whole, partitionsUnderReplicated: 1 })).toMatchObject({
      status: 'degraded',
      checks: { cluster: { redis: 'ok', underReplicated: 1 } },
    });
    expect((await healthOf(SOUND).readiness(OPEN_ACCESS)).checks.cluster).toBeNull();
  });

  test('a caller is told the names of no other topics than it may describe', async () => {
    const health = healthOf(
      { ...SOUND, isWritable: false },
      { ...SOUND, topic: 'secret', isWritable: false },
      { ...SOUND, topic: 'secret', partition: 1, offline: 'damaged', damagedRanges: 1 },
    );
    const { status, checks } = await health.readiness({
      may: (operation, { name }) => operation === 'Describe' && name === 'orders',
    });
    expect(status).toBe('degraded');
    const expected = { status: 'degraded', partitions: 3, readOnly: ['orders-0'], offline: [] };
    expect(checks.storage).toMatchObject({ ...expected, damaged: [], lost: [] });
  });

  test.each([
    [true, 'ok', null],
    [false, 'degraded', expect.stringContaining('cannot be changed')],
  ])('it tells whether keys and rules can be changed (%s)', async (isAvailable, status, reason) => {
    const health = new Health(() => Promise.resolve(brokerStatus([SOUND])), {
      security: () => ({ isAvailable, staleMs: 1500.4 }),
    });
    const report = await health.readiness(OPEN_ACCESS);
    expect(report.status).toBe(status);
    expect(report.checks.security).toEqual({
      status,
      reason,
      changeable: isAvailable,
      staleMs: 1500,
    });
  });
});
