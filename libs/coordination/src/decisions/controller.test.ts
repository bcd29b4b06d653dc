import { describe, expect, it } from 'vitest';
import type { Decision } from '../coordination-store.js';
import { brokerOf, clusterOf, stateAfter } from '../testing/cluster-fixture.js';
import { asController, electController } from './controller.js';
import { decideInSequence } from './partition-changes.js';

const removeBroker: Decision = ({ brokers }) =>
  brokers.has(2) ? [{ kind: 'broker-removed', id: 2 }] : [];

const BEFORE = clusterOf([brokerOf(0), brokerOf(1), brokerOf(2, { alive: false })]);

describe('electController', () => {
  it('raises the epoch with every election, also when the same broker is elected', () => {
    const first = stateAfter(BEFORE, (now) => electController(now, 0, null));
    const second = stateAfter(first, (now) => electController(now, 0, first.controller));
    expect([first.controller, second.controller]).toEqual([
      { id: 0, epoch: 1 },
      { id: 0, epoch: 2 },
    ]);
  });

  it('changes nothing when another broker was elected first, or the broker is dead', () => {
    const taken = stateAfter(BEFORE, (now) => electController(now, 0, null));
    expect(electController(taken, 1, null)).toEqual([]);
    expect(electController(BEFORE, 2, null)).toEqual([]);
  });
});

describe('asController', () => {
  it('accepts decisions of a controller only while it is the current one', () => {
    const remove = asController({ id: 0, epoch: 1 }, removeBroker);
    const first = stateAfter(BEFORE, (now) => electController(now, 0, null));
    expect(remove(first)).toHaveLength(1);
    const second = stateAfter(first, (now) => electController(now, 1, first.controller));
    expect(remove(second)).toEqual([]);
    const again = stateAfter(second, (now) => electController(now, 0, second.controller));
    expect(remove(again)).toEqual([]);
  });
});

describe('inOrder', () => {
  it('applies each decision to the result of the previous one, in one commit', () => {
    const decide = decideInSequence(removeBroker, removeBroker, (state) =>
      electController(state, 0, state.controller),
    );
    expect(decide(BEFORE).map((change) => change.kind)).toEqual(['broker-removed', 'controller']);
  });
});
