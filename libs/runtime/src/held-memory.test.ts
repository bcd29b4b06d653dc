import { expect, test } from 'vitest';
import { HeldMemory } from './held-memory.js';
import { MemoryBudget } from './memory-budget.js';

test('the memory of a request whose client disconnects is kept until its work has ended', () => {
  const shared = new MemoryBudget(1000, () => new Error('exhausted'));
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

test('bytes for a disconnected client are not counted, and nothing is released twice', () => {
  const shared = new MemoryBudget(1000, () => new Error('exhausted'));
  const memory = new HeldMemory(shared);
  memory.hold(400);
  memory.close();
  memory.hold(100);
  memory.holdAnyway(100);
  memory.release(100);
  expect(shared.heldBytes).toBe(0);
});
