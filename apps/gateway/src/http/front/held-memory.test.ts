import { expect, test } from 'vitest';
import { HeldMemory } from './held-memory.js';
import { RequestMemory } from './request-memory.js';

test('the memory of a request whose client goes away is kept until the work with it has ended', () => {
  const shared = new RequestMemory(1000);
  const memory = new HeldMemory(shared);
  memory.hold(400);
  memory.workBegan();
  memory.workBegan();
  memory.close();
  memory.workEnded();
  expect(shared.heldBytes).toBe(400);
  memory.workEnded();
  expect(shared.heldBytes).toBe(0);
});

test('what comes for a client that is gone is not counted, and nothing is given back twice', () => {
  const shared = new RequestMemory(1000);
  const memory = new HeldMemory(shared);
  memory.hold(400);
  memory.close();
  memory.hold(100);
  memory.holdAnyway(100);
  memory.release(100);
  expect(shared.heldBytes).toBe(0);
});
