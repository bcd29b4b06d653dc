import { expect, it } from 'vitest';
import { StreamLedger } from './stream-ledger.js';
import { World } from './world.js';

function answer(ledger: StreamLedger, memberId: string): void {
  const assignment = [{ topic: 'orders', partition: 0 }];
  ledger.answered({ memberId, generation: 2, assignment, revoking: [] });
}

it('reports two members that are told to have one partition in the same generation', () => {
  const world = new World({ seed: 1 });
  const ledger = new StreamLedger(world, 'workers');
  answer(ledger, 'one');
  answer(ledger, 'one');
  expect(world.violations).toEqual([]);
  answer(ledger, 'two');
  expect(world.violations).toEqual(['I16: one and two have orders-0 in generation 2']);
  world.end();
});

it('does not compare generations of before and after the loss of all disks of the groups', () => {
  const world = new World({ seed: 1 });
  const ledger = new StreamLedger(world, 'workers');
  answer(ledger, 'one');
  world.metadata.lost.add('__consumer_offsets-0');
  answer(ledger, 'two');
  expect(world.violations).toEqual([]);
  world.end();
});
