import { beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '#runtime';
import { FakeClock, FakeDisk } from '#runtime/testing';
import {
  type SecurityChange,
  SecurityDisk,
  SecuritySignatures,
  type SecurityState,
} from '#security';
import type { SecurityRegistry } from './security-registry.js';
import { SecuritySnapshots } from './security-snapshots.js';

const POSITION = { version: 3, changeId: 'third' };
const QUOTAS: readonly SecurityChange[] = ['user:alice', 'user:bob'].map((principal) => {
  return { kind: 'quota', principal, quota: { request_rate: 7 } };
});

/** The chunks of snapshots in a registry, as texts. */
class StoredChunks implements Pick<SecurityRegistry, 'putChunks' | 'chunks'> {
  readonly texts = new Map<number, string>();

  async putChunks(_changeId: string, firstIndex: number, chunks: readonly string[]): Promise<void> {
    for (const [index, chunk] of chunks.entries()) this.texts.set(firstIndex + index, chunk);
  }

  async chunks(
    _changeId: string,
    firstIndex: number,
    count: number,
  ): Promise<readonly (string | undefined)[]> {
    return Array.from({ length: count }, (_, index) => this.texts.get(firstIndex + index));
  }
}

let stored: StoredChunks;
let snapshots: SecuritySnapshots;
let disk: SecurityDisk;

function snapshotsOf(secret: string): SecuritySnapshots {
  const signatures = new SecuritySignatures('cluster', [secret]);
  return new SecuritySnapshots(stored as unknown as SecurityRegistry, signatures);
}

beforeEach(async () => {
  const fakeDisk = new FakeDisk();
  await fakeDisk.makeDirectory('/data');
  const clock = new FakeClock();
  disk = await SecurityDisk.open({
    fileSystem: fakeDisk.mount(),
    dataDir: '/data',
    clock,
    logger: silentLogger,
  });
  stored = new StoredChunks();
  snapshots = snapshotsOf('secret-of-the-cluster');
});

function filled(): SecurityState {
  const state = disk.newState();
  state.apply(QUOTAS);
  return state;
}

describe('a snapshot of the security metadata', () => {
  it('has the state that was stored', async () => {
    const snapshot = snapshots.parse(await snapshots.store(filled(), POSITION, POSITION));
    const state = disk.newState();
    await snapshots.load(snapshot, state);
    expect(snapshot.position).toEqual(POSITION);
    expect([state.quotaCount, state.quotaOf('user:bob')]).toEqual([2, { request_rate: 7 }]);
  });

  it('is not taken when its description is of somebody else, changed, or not JSON', async () => {
    const text = await snapshots.store(filled(), POSITION, POSITION);
    const others = snapshotsOf('secret-of-somebody-else');
    const changed = text.replace('"version":3', '"version":4');
    expect(changed).not.toBe(text);
    expect(() => others.parse(text)).toThrow('is not signed');
    expect(() => snapshots.parse(changed)).toThrow('is not signed');
    expect(() => snapshots.parse(text.slice(1))).toThrow('is not JSON');
    for (const wrong of ['null', '"text"', '7', '[]']) {
      expect(() => snapshots.parse(wrong)).toThrow('is not signed');
    }
  });

  it('is not taken when a chunk is missing or was changed', async () => {
    const snapshot = snapshots.parse(await snapshots.store(filled(), POSITION, POSITION));
    const text = stored.texts.get(0) ?? '';
    stored.texts.set(0, text.replace('user:bob', 'user:eve'));
    await expect(snapshots.load(snapshot, disk.newState())).rejects.toThrow(
      'chunk 0 of the security metadata is not signed',
    );
    stored.texts.delete(0);
    await expect(snapshots.load(snapshot, disk.newState())).rejects.toThrow(
      'chunk 0 of the security metadata is missing',
    );
  });
});
