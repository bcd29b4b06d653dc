import { crc32c } from '@node-rs/crc32';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeDisk } from '#runtime/testing';
import {
  applyCommit,
  type ClusterState,
  EMPTY_CLUSTER,
  type MetadataCommit,
} from '../cluster-state.js';
import { JOURNAL_FILE_NAME } from '../journal-file-name.js';
import { brokerOf, clusterOf, partitionOf, topicOf } from '../testing/cluster-fixture.js';
import { MetadataJournal, RebuildPromisedError } from './metadata-journal.js';

const PATH = `/data/${JOURNAL_FILE_NAME}`;
const STATE = clusterOf([brokerOf(0)], [topicOf('events', [partitionOf()])]);

let disk = new FakeDisk();
beforeEach(async () => {
  disk = new FakeDisk();
  await disk.mount().makeDirectory('/data');
});

function open(): Promise<MetadataJournal> {
  return MetadataJournal.open({ fileSystem: disk.mount(), dataDir: '/data' });
}

/** Commits that follow a state, each of which changes a broker's URL. */
function commitsAfter(state: ClusterState, count: number): MetadataCommit[] {
  const commits: MetadataCommit[] = [];
  for (let { version, changeId } = state; commits.length < count; version += 1) {
    const next = `change-${version + 1}`;
    commits.push({
      version: version + 1,
      changeId: next,
      previousChangeId: changeId,
      changes: [{ kind: 'broker', broker: brokerOf(version, { rack: next }) }],
    });
    changeId = next;
  }
  return commits;
}

describe('MetadataJournal', () => {
  it('is empty on an empty disk', async () => {
    const journal = await open();
    expect(journal.isMade).toBe(false);
    expect(journal.state).toBe(EMPTY_CLUSTER);
  });

  it('stays short after large commits', async () => {
    const journal = await open();
    await journal.replace(STATE);
    const rack = 'r'.repeat(1024 * 1024);
    let largestBytes = 0;
    for (let round = 0; round < 40; round += 1) {
      const [commit] = commitsAfter(journal.state, 1);
      if (commit === undefined) throw new Error('there is a commit');
      const changes = [{ kind: 'broker' as const, broker: brokerOf(1, { rack }) }];
      await journal.append([{ ...commit, changes }]);
      const sizeBytes = (await disk.mount().fileSize(PATH)) ?? 0;
      largestBytes = Math.max(largestBytes, sizeBytes);
    }
    // The state, 4 MiB of commits, and one more commit.
    expect(largestBytes).toBeLessThan(8 * rack.length);
    expect((await open()).state).toEqual(journal.state);
  });

  it('has all written commits after a power failure', async () => {
    const journal = await open();
    await journal.replace(STATE);
    const commits = commitsAfter(STATE, 3);
    await journal.append(commits.slice(0, 1));
    await journal.append(commits.slice(1));
    disk.crash();
    const again = await open();
    expect(again.isMade).toBe(true);
    expect(again.state).toEqual(commits.reduce(applyCommit, STATE));
    expect(again.state).toEqual(journal.state);
  });

  it('continues after a restart', async () => {
    const commits = commitsAfter(STATE, 6);
    const first = await open();
    await first.replace(STATE);
    for (const at of [0, 2, 4]) {
      const journal = await open();
      await journal.append(commits.slice(at, at + 1));
      await journal.append(commits.slice(at + 1, at + 2));
      await journal.close();
    }
    expect((await open()).state.version).toBe(STATE.version + 6);
  });

  it('ignores a torn last line', async () => {
    const journal = await open();
    const commits = commitsAfter(STATE, 2);
    await journal.replace(STATE);
    await journal.append(commits.slice(0, 1));
    const whole = (await disk.mount().readFile(PATH)).length;
    await journal.append(commits.slice(1));
    const bytes = await disk.mount().readFile(PATH);
    for (const size of [whole + 1, whole + 30, bytes.length - 1]) {
      await overwrite(bytes.subarray(0, size));
      expect((await open()).state.version).toBe(STATE.version + 1);
    }
    // The last line's space was allocated, its bytes were not written.
    await overwrite(Buffer.concat([bytes.subarray(0, whole), Buffer.alloc(200)]));
    expect((await open()).state.version).toBe(STATE.version + 1);
  });

  it('refuses a file that is damaged in the middle or has lost its beginning', async () => {
    const journal = await open();
    await journal.replace(STATE);
    for (const commit of commitsAfter(STATE, 3)) await journal.append([commit]);
    const bytes = await disk.mount().readFile(PATH);
    const lineEnd = bytes.indexOf('\n') + 1;
    for (const damaged of [
      flipped(bytes, 40),
      flipped(bytes, lineEnd + 40),
      bytes.subarray(lineEnd),
      Buffer.alloc(0),
    ]) {
      await overwrite(damaged);
      await expect(open()).rejects.toMatchObject({ fault: 'damaged' });
    }
  });

  it('refuses a file of a later version', async () => {
    await (await open()).replace(STATE);
    const line = (await disk.mount().readFile(PATH)).toString().trimEnd();
    const later = line.slice(9).replace('"format_version":1', '"format_version":2');
    const checksum = crc32c(later).toString(16).padStart(8, '0');
    await overwrite(Buffer.from(`${checksum} ${later}\n`));
    await expect(open()).rejects.toMatchObject({
      fault: 'newer-format',
      message: `${PATH} has format version 2, this version reads 1.`,
    });
  });

  it('stays short after many appends', async () => {
    const journal = await open();
    await journal.replace(EMPTY_CLUSTER);
    const topic = topicOf('events', [partitionOf()]);
    let state = EMPTY_CLUSTER;
    for (let count = 0; count < 5000; count += 1) {
      const changes = [{ kind: 'topic' as const, topic: { ...topic, version: count } }];
      const version = state.version + 1;
      const names = { changeId: `c${version}`, previousChangeId: state.changeId };
      const commit = { version, changes, ...names };
      await journal.append([commit]);
      state = applyCommit(state, commit);
    }
    expect((await disk.mount().readFile(PATH)).length).toBeLessThan(1_500_000);
    expect((await open()).state).toEqual(state);
  });

  it('rewrites the whole file after a failed write', async () => {
    const journal = await open();
    await journal.replace(STATE);
    const commits = commitsAfter(STATE, 2);
    await journal.append(commits.slice(0, 1));
    disk.failNext('datasync', 'EIO', { path: PATH });
    await expect(journal.append(commits.slice(1))).rejects.toMatchObject({ code: 'EIO' });
    expect(journal.state.version).toBe(STATE.version + 1);
    await journal.append(commits.slice(1));
    disk.crash();
    expect((await open()).state.version).toBe(STATE.version + 2);
  });

  it('refuses commits of the line before a promised rebuild, also after a restart', async () => {
    const journal = await open();
    await journal.replace(STATE);
    await journal.keepPromise({ number: 2, id: 'r' });
    await expect(journal.append(commitsAfter(STATE, 1))).rejects.toThrow(RebuildPromisedError);
    await expect(journal.replace({ ...STATE, version: 2 ** 32 })).rejects.toThrow(
      RebuildPromisedError,
    );
    disk.crash();
    const again = await open();
    expect(again.promise).toEqual({ number: 2, id: 'r' });
    expect(again.state).toEqual(STATE);
    expect(again.mayTake(2 ** 32)).toBe(false);
    await again.replace({ ...STATE, version: 2 ** 33 });
    expect((await open()).state.version).toBe(2 ** 33);
  });

  async function overwrite(bytes: Buffer): Promise<void> {
    const fileSystem = disk.mount();
    await fileSystem.removeFile(PATH);
    const file = await fileSystem.open(PATH, 'create');
    await file.writev([bytes], 0);
    await file.datasync();
    await file.close();
  }
});

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}
