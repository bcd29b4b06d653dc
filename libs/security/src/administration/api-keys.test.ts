import { beforeEach, describe, expect, it } from 'vitest';
import { SystemRandom } from '#runtime';
import { FakeClock } from '#runtime/testing';
import type { EmbeddedSecurity } from '../metadata/embedded-security.js';
import { openMetadata } from '../testing/open-metadata.js';
import { ApiKeys } from './api-keys.js';

const HOUR_MS = 3_600_000;
const KEPT_MS = 48 * HOUR_MS;

let clock: FakeClock;
let metadata: EmbeddedSecurity;
let keys: ApiKeys;

beforeEach(async () => {
  clock = new FakeClock();
  metadata = await openMetadata(clock);
  keys = new ApiKeys(metadata, { clock, random: new SystemRandom() }, { expiredKeptMs: KEPT_MS });
});

/** Creates a key that lives for a time, and returns its id. */
async function create(livesMs: number | null): Promise<string> {
  const expiresAtMs = livesMs === null ? null : clock.nowMs() + livesMs;
  return (await keys.create({ name: 'a', groups: [], expiresAtMs })).key.id;
}

function listed(): string[] {
  return keys.list(undefined, 100).keys.map(({ id }) => id);
}

describe('ApiKeys', () => {
  it('removes expired keys after their retention, when another one is created', async () => {
    const forEver = await create(null);
    const short = await create(HOUR_MS);
    const long = await create(KEPT_MS);
    clock.advance(KEPT_MS);
    const second = await create(null);
    expect(listed().toSorted()).toEqual([forEver, short, long, second].toSorted());
    clock.advance(HOUR_MS);
    const third = await create(null);
    expect(listed().toSorted()).toEqual([forEver, long, second, third].toSorted());
    expect(metadata.view.key(short)).toBeUndefined();
  });

  it('lists each key once, in pages in the order of ids', async () => {
    const ids: string[] = [];
    for (let count = 0; count < 25; count += 1) ids.push(await create(null));
    const pages: string[][] = [];
    let after: string | undefined;
    do {
      const page = keys.list(after, 10);
      pages.push(page.keys.map(({ id }) => id));
      after = page.nextAfter ?? undefined;
    } while (after !== undefined);
    expect(pages.map(({ length }) => length)).toEqual([10, 10, 5]);
    expect(pages.flat()).toEqual(ids.toSorted());
    expect(keys.list(pages.flat().at(-1), 10)).toEqual({ keys: [], nextAfter: null });
  });

  it.each([
    ['a moment', HOUR_MS],
    ['two days', 49 * HOUR_MS],
  ])('removes a key that expired %s ago when it is deleted', async (_when, passedMs) => {
    const id = await create(HOUR_MS);
    clock.advance(passedMs);
    expect(await keys.revoke(id)).toEqual({ appliedBy: [0], missing: [] });
    expect(listed()).toEqual([]);
    await expect(keys.revoke(id)).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
  });
});
