import { describe, expect, it } from 'vitest';
import { DiskReserve } from './disk-reserve.js';
import { silentLogger } from './logger.js';
import { errnoError } from './testing/faults.js';
import { FakeDisk } from './testing/index.js';

const PATH = '/data/.reserve';
const SIZE_BYTES = 100_000;

describe('the disk reserve', () => {
  it('keeps its space reserved across a restart of the broker', async () => {
    const disk = await emptyDisk();
    expect((await openReserve(disk)).isWhole).toBe(true);
    expect(await disk.fileSize(PATH)).toBe(SIZE_BYTES);
    disk.capacityBytes = 0;
    expect((await openReserve(disk)).isWhole).toBe(true);
  });

  it('frees its space for a write on a full disk, and reserves it again later', async () => {
    const disk = await emptyDisk();
    const reserve = await openReserve(disk);
    disk.capacityBytes = SIZE_BYTES;
    expect(await reserve.run(() => write(disk, 'deleted', 40))).toBe('written');
    expect(reserve.isWhole).toBe(false);
    await reserve.refill();
    expect(reserve.isWhole).toBe(false);
    expect(await disk.fileSize(PATH)).toBeUndefined();
    disk.capacityBytes = 2 * SIZE_BYTES;
    await reserve.refill();
    expect(reserve.isWhole).toBe(true);
  });

  it('recognises a full disk behind a wrapped error, and passes other errors on', async () => {
    const disk = await emptyDisk();
    const reserve = await openReserve(disk);
    const failing = (error: Error): Promise<void> =>
      reserve.run(async () => {
        await disk.fileSize(PATH);
        throw error;
      });
    await expect(failing(errnoError('EIO', 'writev', PATH))).rejects.toThrow('EIO');
    expect(reserve.isWhole).toBe(true);
    const wrapped = new Error('not written', { cause: errnoError('ENOSPC', 'writev', PATH) });
    await expect(failing(wrapped)).rejects.toThrow('not written');
    expect(reserve.isWhole).toBe(false);
  });

  it('reports a disk too full for records, and checks for free space by itself', async () => {
    for (const sizeBytes of [SIZE_BYTES, 0]) {
      const disk = await emptyDisk();
      const reserve = await openReserve(disk, sizeBytes);
      disk.capacityBytes = sizeBytes + 10;
      reserve.writeFailed(errnoError('EIO', 'writev', PATH));
      expect(reserve.status).toEqual({ isDiskFull: false, heldBytes: sizeBytes });
      reserve.writeFailed(errnoError('ENOSPC', 'writev', PATH));
      await reserve.refill();
      expect(reserve.status).toEqual({ isDiskFull: true, heldBytes: sizeBytes });
      disk.capacityBytes = 3 * SIZE_BYTES;
      await reserve.refill();
      expect(reserve.status).toEqual({ isDiskFull: false, heldBytes: sizeBytes });
      const left = (await disk.readDirectory('/data')).map(({ name }) => name);
      expect(left).toEqual(sizeBytes > 0 ? ['.reserve'] : []);
    }
  });

  it('reserves nothing when its size is 0', async () => {
    const disk = await emptyDisk();
    const reserve = await openReserve(disk, 0);
    expect(reserve.isWhole).toBe(true);
    disk.capacityBytes = 0;
    await expect(reserve.run(() => write(disk, 'deleted', 40))).rejects.toThrow('ENOSPC');
    expect(reserve.isWhole).toBe(true);
  });
});

async function emptyDisk(): Promise<FakeDisk> {
  const disk = new FakeDisk();
  await disk.makeDirectory('/data');
  return disk;
}

function openReserve(disk: FakeDisk, sizeBytes = SIZE_BYTES): Promise<DiskReserve> {
  return DiskReserve.open({ fileSystem: disk, logger: silentLogger, path: PATH, sizeBytes });
}

async function write(disk: FakeDisk, name: string, sizeBytes: number): Promise<'written'> {
  const file = await disk.open(`/data/${name}`, 'create');
  try {
    await file.writev([Buffer.alloc(sizeBytes)], 0);
    return 'written';
  } finally {
    await file.close();
  }
}
