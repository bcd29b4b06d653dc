import { expect, it } from 'vitest';
import type { Broker, GroupListEntry, GroupListRequest } from '#broker';
import { type Access, NO_ACCESS } from '#security';
import { visibleGroups } from './visible-group.js';

const NAMES = Array.from({ length: 2500 }, (_, index) => `group-${String(index).padStart(4, '0')}`);

/** A broker with these groups, and the requests for their list. */
function brokerWithGroups() {
  const requests: GroupListRequest[] = [];
  const list = (request: GroupListRequest) => {
    requests.push(request);
    const { after = '', limit } = request;
    const names = NAMES.filter((name) => name > after);
    const listed = names.slice(0, limit).map((group) => ({ group }) as GroupListEntry);
    const nextAfter = names.length > limit ? (listed.at(-1)?.group ?? null) : null;
    return Promise.resolve({ groups: listed, nextAfter });
  };
  return { broker: { groups: { list } } as unknown as Broker, requests };
}

function accessTo(names: readonly string[]): Access {
  return {
    ...NO_ACCESS,
    may: (_operation, { name }) => names.includes(name),
    mayOnAny: () => names.length > 0,
  };
}

it('pages have the groups of the caller alone, whatever their number', async () => {
  const own = ['group-0007', 'group-1500', 'group-2499'];
  const { broker, requests } = brokerWithGroups();
  const seen: string[] = [];
  let after: string | undefined;
  for (;;) {
    const { groups, nextAfter } = await visibleGroups(accessTo(own), broker, after, 1);
    seen.push(...groups.map(({ group }) => group));
    if (nextAfter === null) break;
    after = nextAfter;
  }
  expect(seen).toEqual(own);
  // Three pages of one group each, for which all groups are read a thousand at a time.
  expect(requests.length).toBeLessThan(10);
});

it('nothing is read for a caller who may describe no group', async () => {
  const { broker, requests } = brokerWithGroups();
  const page = await visibleGroups(accessTo([]), broker, undefined, 100);
  expect(page).toEqual({ groups: [], nextAfter: null });
  expect(requests).toEqual([]);
});
