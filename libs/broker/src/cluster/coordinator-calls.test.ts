import { describe, expect, it } from 'vitest';
import { ProtocolError } from '#protocol';
import { PeerUnreachableError } from '#replication';
import { DistantCoordinators } from '../testing/distant-coordinators.js';

const AWAY = {
  code: 'COORDINATOR_NOT_AVAILABLE',
  retriable: true,
  outcome: 'failed',
};

describe('a call to the coordinator of a group', () => {
  it('ends with COORDINATOR_NOT_AVAILABLE when there is no coordinator in time', async () => {
    const world = new DistantCoordinators({ leaders: [null], answer: never });
    const failure = expect(world.calls.call('describe', { group: 'g' })).rejects.toMatchObject(
      AWAY,
    );
    await world.scheduler.advance(1000);
    await failure;
  });

  it('passes on what the coordinator refuses', async () => {
    const refusal = new ProtocolError('GROUP_ID_NOT_FOUND', 'There is no such group.');
    const answer = () => Promise.reject(refusal);
    const world = new DistantCoordinators({ leaders: [2], answer });
    await expect(world.calls.call('describe', { group: 'g' })).rejects.toBe(refusal);
  });
});

describe('the list of all groups', () => {
  it('has the first groups of all coordinators by name', async () => {
    const groups: Readonly<Record<number, readonly string[]>> = { 2: ['a', 'd'], 3: ['b', 'c'] };
    const answer = (brokerId: number) =>
      Promise.resolve({ groups: groups[brokerId]?.map((group) => ({ group })) });
    const world = new DistantCoordinators({ leaders: [2, 3, 2], answer });
    expect(await world.calls.list('', 3)).toEqual([{ group: 'a' }, { group: 'b' }, { group: 'c' }]);
  });

  it('is refused while a part of the groups has no coordinator', async () => {
    const answer = () => Promise.resolve({ groups: [] });
    const world = new DistantCoordinators({ leaders: [2, null], answer });
    await expect(world.calls.list('', 3)).rejects.toMatchObject(AWAY);
  });

  it('is refused when one of the coordinators does not answer', async () => {
    const unreachable = new PeerUnreachableError(3, true, undefined);
    const answer = (brokerId: number) =>
      brokerId === 3 ? Promise.reject(unreachable) : Promise.resolve({ groups: [] });
    const world = new DistantCoordinators({ leaders: [2, 3], answer });
    await expect(world.calls.list('', 3)).rejects.toMatchObject({ ...AWAY, cause: unreachable });
  });
});

function never(): Promise<never> {
  return Promise.reject(new Error('not to be called'));
}
