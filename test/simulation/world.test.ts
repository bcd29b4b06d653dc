/** The waits of the simulation: a violation is named by its cause, not by what it prevented. */
import { expect, it } from 'vitest';
import { World } from './world.js';

const LIMIT_MS = 40_000;

/** Waits for something that never comes. */
function waitInVain(world: World): Promise<boolean> {
  return world.drive(() =>
    world.mustBecome(
      () => false,
      LIMIT_MS,
      () => 'it is late',
    ),
  );
}

it('a wait is a violation when its time runs out', async () => {
  const world = new World({ seed: 1 });
  expect(await waitInVain(world)).toBe(false);
  expect(world.violations).toEqual(['it is late']);
  expect(world.nowMs).toBeGreaterThanOrEqual(LIMIT_MS);
  world.end();
});

it('a wait that another violation ends adds none', async () => {
  const world = new World({ seed: 1 });
  world.scheduler.after(1000, () => world.violated('brokers differ'));
  expect(await waitInVain(world)).toBe(false);
  expect(world.violations).toEqual(['brokers differ']);
  world.end();
});

it('a wait whose condition comes true is not a violation', async () => {
  const world = new World({ seed: 1 });
  const isThere = { value: false };
  world.scheduler.after(1000, () => (isThere.value = true));
  const becomes = world.drive(() =>
    world.mustBecome(
      () => isThere.value,
      LIMIT_MS,
      () => 'it is late',
    ),
  );
  expect(await becomes).toBe(true);
  expect(world.violations).toEqual([]);
  world.end();
});
