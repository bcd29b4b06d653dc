import { describe, expect, it } from 'vitest';
import type { ProtocolError } from '#protocol';
import type { OffsetToCommit } from './broker.js';
import { failureOf } from './testing/failure-of.js';
import { TestBroker, type TestBrokerOptions } from './testing/test-broker.js';

const KIB = 1024;

describe('committed offsets', () => {
  it('are refused beyond their number, except those that replace earlier ones', async () => {
    const test = await withTopic({ offsetsKeptMax: 2 });
    await commit(test, 'a');
    await commit(test, 'b');
    const refusal = await failureOf(commit(test, 'c'));
    expect(refusal.code).toBe('POLICY_VIOLATION');
    expect(refusal.message).toContain('SLUICE_OFFSETS_KEPT_MAX');
    await commit(test, 'a', { metadata: 'again' });
    expect(test.opened.status().keptState.offsetCommitsRefusedTotal).toBe(1);
  });

  it('are refused beyond their bytes, metadata and group names included', async () => {
    const offsetsKeptBytes = 64 * KIB;
    const test = await withTopic({ offsetsKeptBytes });
    const metadata = 'm'.repeat(4096);
    let groups = 0;
    const next = (): Promise<ProtocolError | undefined> =>
      commit(test, `${'g'.repeat(200)}${groups}`, { metadata }).then(
        () => undefined,
        (error: ProtocolError) => error,
      );
    let refusal = await next();
    for (; refusal === undefined && groups < 1000; groups += 1) refusal = await next();
    expect(refusal?.code).toBe('POLICY_VIOLATION');
    expect(refusal?.message).toContain('SLUICE_OFFSETS_KEPT_BYTES');
    expect(groups).toBeGreaterThan(8);
    expect(groups).toBeLessThan(offsetsKeptBytes / 4096);
    expect(test.opened.status().keptState.offsetBytes).toBeLessThanOrEqual(offsetsKeptBytes);
  });

  it('count a text by the memory that it takes, not by its characters', async () => {
    const test = await withTopic({});
    await commit(test, 'narrow', { metadata: 'm'.repeat(1000) });
    const narrow = test.opened.status().keptState.offsetBytes;
    await commit(test, 'narrow', { metadata: `${'m'.repeat(999)}語` });
    expect(test.opened.status().keptState.offsetBytes - narrow).toBe(1000);
  });

  it('that are committed at the same time are counted before they are written', async () => {
    const offsetsKeptBytes = 64 * KIB;
    const test = await withTopic({ offsetsKeptBytes });
    const commits = Array.from({ length: 50 }, (_, group) =>
      commit(test, `g${group}`, { metadata: 'm'.repeat(4096) }),
    );
    const refused = (await Promise.allSettled(commits)).filter(
      ({ status }) => status === 'rejected',
    );
    expect(refused.length).toBeGreaterThan(30);
    expect(test.opened.status().keptState.offsetBytes).toBeLessThanOrEqual(offsetsKeptBytes);
  });

  it('over the limit after a restart with a lower one stay, and may be replaced', async () => {
    const test = await withTopic({});
    for (let group = 0; group < 30; group += 1) {
      await commit(test, `g${group}`, { metadata: 'm'.repeat(4096) });
    }
    const { offsetBytes } = test.opened.status().keptState;
    await test.opened.close();
    await test.open({ offsetsKeptBytes: 64 * KIB });
    for (let group = 0; group < 30; group += 1) {
      expect(await test.broker.committedOffsets(`g${group}`)).toMatchObject([{ offset: 0 }]);
    }
    expect(test.opened.status().keptState.offsetBytes).toBe(offsetBytes);
    await commit(test, 'g0', { metadata: 'shorter' });
    expect((await failureOf(commit(test, 'another'))).code).toBe('POLICY_VIOLATION');
  });

  it('give their memory back with their topic', async () => {
    const test = await withTopic({});
    await commit(test, 'a', { metadata: 'm' });
    await commit(test, 'b');
    await test.broker.deleteTopic('events');
    expect(test.opened.status()).toMatchObject({
      committedOffsets: 0,
      keptState: { offsetBytes: 0 },
    });
  });

  it.each(['', 'x'.repeat(256), 'a\nb'])('of the group %j are refused', async (group) => {
    const test = await withTopic({});
    expect((await failureOf(commit(test, group))).code).toBe('INVALID_REQUEST');
    expect((await failureOf(test.broker.committedOffsets(group))).code).toBe('INVALID_REQUEST');
  });
});

async function withTopic(options: TestBrokerOptions): Promise<TestBroker> {
  const test = await TestBroker.start(options);
  await test.broker.createTopic({ name: 'events', partitions: 2 });
  return test;
}

function commit(
  test: TestBroker,
  group: string,
  more: Partial<OffsetToCommit> = {},
): Promise<void> {
  return test.broker.commitOffsets(group, [{ topic: 'events', partition: 0, offset: 0, ...more }]);
}
