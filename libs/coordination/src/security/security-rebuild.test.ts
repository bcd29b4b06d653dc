import { describe, expect, it } from 'vitest';
import { chosenView, type SecurityView } from './security-rebuild.js';

const MEMBERS = new Map([0, 1, 2].map((id) => [id, { dataDirUuid: `disk-${id}` }]));

function view(brokerId: number, version: number, fields: Partial<SecurityView> = {}): SecurityView {
  return {
    brokerId,
    dataDirUuid: `disk-${brokerId}`,
    position: { version, changeId: `change-${version}` },
    isBlank: version === 0,
    ...fields,
  };
}

function chosen(views: SecurityView[], givenUp: number[] = []): number | 'waiting' {
  const choice = chosenView(views, MEMBERS, givenUp);
  return choice.kind === 'chosen' ? choice.view.brokerId : 'waiting';
}

describe('the choice of the journal to rebuild from', () => {
  it('takes the newest of a majority, and of several the one with the lowest id', () => {
    expect(chosen([view(0, 4), view(2, 5)])).toBe(2);
    expect(chosen([view(2, 5), view(0, 4), view(1, 5)])).toBe(1);
    expect(chosen([view(2, 5)])).toBe('waiting');
  });

  it('counts no disk without a commit while another one has some', () => {
    expect(chosen([view(0, 5), view(1, 0)])).toBe('waiting');
    expect(chosen([view(0, 5), view(1, 0), view(2, 4)])).toBe(0);
    expect(chosen([view(1, 0), view(2, 0)])).toBe(1);
  });

  it('takes the only commit when the disks of all members have come', () => {
    expect(chosen([view(0, 5), view(1, 0), view(2, 0)])).toBe(0);
    const other = view(2, 0, { dataDirUuid: 'other' });
    expect(chosen([view(0, 5), view(1, 0), other])).toBe('waiting');
  });

  it('counts no broker whose disk is not the registered one, and no stranger', () => {
    expect(chosen([view(0, 5), view(1, 6, { dataDirUuid: 'other' })])).toBe('waiting');
    expect(chosen([view(0, 5), view(7, 6)])).toBe('waiting');
  });

  it('does not wait for a broker that an operator has excluded', () => {
    expect(chosen([view(0, 5)], [2])).toBe('waiting');
    expect(chosen([view(0, 5)], [1, 2])).toBe(0);
    expect(chosen([view(0, 5), view(1, 4)], [2])).toBe(0);
  });
});
