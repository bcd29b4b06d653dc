import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { appendValues, RealBroker, readAll, testLog } from './testing/log-fixture.js';

describe('a log on the disk of this machine', () => {
  let broker: RealBroker;
  beforeEach(() => {
    broker = new RealBroker();
  });
  afterEach(() => broker.remove());

  it('keeps what was appended over a clean stop', async () => {
    const manager = await broker.open();
    const log = await testLog(manager);
    expect(await appendValues(log, 'a', 'b')).toMatchObject({ baseOffset: 0, lastOffset: 1 });
    expect(await appendValues(log, 'c')).toMatchObject({ baseOffset: 2, lastOffset: 2 });
    await manager.close();

    const again = await broker.open();
    const reopened = await testLog(again);
    expect(await readAll(reopened)).toEqual([
      [0, 'a'],
      [1, 'b'],
      [2, 'c'],
    ]);
    expect(reopened.offsets.highWatermark).toBe(3);
    expect(await appendValues(reopened, 'd')).toMatchObject({ baseOffset: 3 });
    await again.close();
  });
});
