import { describe, expect, it } from 'vitest';
import { SpareDescriptors } from './spare-descriptors.js';
import { errnoError } from './testing/faults.js';

function outOfDescriptors(times: number): () => Promise<string> {
  let left = times;
  return () => {
    left -= 1;
    if (left >= 0) return Promise.reject(errnoError('EMFILE', 'open', '/data'));
    return Promise.resolve('open');
  };
}

describe('spare descriptors', () => {
  it('are given to a call that finds none free, and refilled when a file is closed', async () => {
    const spares = new SpareDescriptors(2);
    expect(await spares.run(outOfDescriptors(1))).toBe('open');
    expect(spares.heldCount).toBe(1);
    spares.refill();
    await expect.poll(() => spares.heldCount).toBe(2);
  });

  it('are used one by one; a call is refused when none is left', async () => {
    const spares = new SpareDescriptors(1);
    await spares.run(outOfDescriptors(1));
    await expect(spares.run(outOfDescriptors(1))).rejects.toMatchObject({ code: 'EMFILE' });
  });

  it('are kept when a call fails for another reason', async () => {
    const spares = new SpareDescriptors(1);
    const refused = (): Promise<never> => Promise.reject(errnoError('EACCES', 'open', '/data'));
    await expect(spares.run(refused)).rejects.toMatchObject({ code: 'EACCES' });
    expect(spares.heldCount).toBe(1);
  });
});
