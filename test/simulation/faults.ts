import { flipBit } from './bit-flips.js';
import type { FaultPlan } from './fault-plan.js';
import type { Machine } from './machine.js';
import type { Place } from './simulated-links.js';
import type { World } from './world.js';

/** One kind of fault (F1 to F12). */
export interface FaultKind {
  readonly name: string;
  /** True when a broker may fail to start because of it. */
  readonly hurtsDisks?: boolean;
  /** True when a broker without peers can have this fault too. */
  readonly isOfOne?: boolean;
  /** @returns false when it cannot, or must not, happen now */
  begin(world: World, plan: FaultPlan): boolean;
}

/** The faults of a cluster of this size; those of a sole broker lose no acknowledged records. */
export function faultKindsOf(brokers: number): readonly FaultKind[] {
  return brokers > 1 ? FAULT_KINDS : FAULT_KINDS.filter(({ isOfOne }) => isOfOne === true);
}

/** Time that a rolling restart waits for one broker before it continues with the next, ms. */
const ROLL_MS_MAX = 10_000;

const FAULT_KINDS: readonly FaultKind[] = [
  {
    name: 'kill',
    isOfOne: true,
    begin: (world, plan) => {
      for (const machine of targets(world, plan)) {
        if (machine.process === undefined) continue;
        machine.kill();
        startLater(machine, plan);
      }
      return true;
    },
  },
  {
    name: 'power loss',
    isOfOne: true,
    begin: (world, plan) => {
      for (const machine of targets(world, plan)) {
        machine.losePower();
        startLater(machine, plan);
      }
      return true;
    },
  },
  {
    name: 'pause',
    isOfOne: true,
    begin: (world, plan) => {
      for (const machine of targets(world, plan)) {
        if (!machine.isRunning) continue;
        machine.pause();
        plan.endAfter(plan.duration(), () => machine.resume());
      }
      return true;
    },
  },
  { name: 'restart', isOfOne: true, begin: restartOne },
  { name: 'rolling restart', begin: restartAll },
  { name: 'cut', begin: cut },
  { name: 'cut from Redis', begin: cutFromRedis },
  { name: 'slow links', begin: slowLinks },
  { name: 'slow disk', isOfOne: true, begin: slowDisk },
  {
    name: 'clock jump',
    isOfOne: true,
    begin: (world, plan) => {
      for (const machine of targets(world, plan)) {
        machine.wallOffsetMs = plan.random.below(7_200_000) - 3_600_000;
        say(world, `the clock of ${machine.name} is off by ${machine.wallOffsetMs} ms`);
      }
      return true;
    },
  },
  {
    name: 'Redis restart',
    begin: (world, plan) => redisDown(world, plan, 0),
  },
  {
    name: 'Redis rollback',
    begin: (world, plan) =>
      mayLoseMetadata(world) && redisDown(world, plan, plan.duration(3000) + 1),
  },
  {
    name: 'Redis empty',
    begin: (world, plan) => mayLoseMetadata(world) && redisDown(world, plan, Infinity),
  },
  {
    name: 'Redis failover',
    begin: (world, plan) => {
      if (!mayLoseMetadata(world) || !world.redis.isUp) return false;
      const lagMs = plan.duration(2000) + 1;
      say(world, `Redis fails over to a copy ${lagMs} ms behind`);
      world.redis.failOver(lagMs);
      return true;
    },
  },
  {
    name: 'FLUSHALL',
    begin: (world) => {
      if (!mayLoseMetadata(world)) return false;
      say(world, 'FLUSHALL');
      world.redis.flush();
      return true;
    },
  },
  {
    name: 'Redis pause',
    begin: (world, plan) => {
      if (!world.redis.isUp) return false;
      say(world, 'Redis is stopped by SIGSTOP');
      world.redis.stop();
      plan.endAfter(plan.duration(6000), () => {
        say(world, 'Redis continues');
        world.redis.resume();
      });
      return true;
    },
  },
  {
    name: 'lost replies',
    begin: (world, plan) => {
      world.redis.loseReplies(1 + plan.random.below(4));
      say(world, 'replies of Redis are lost');
      return true;
    },
  },
  {
    name: 'late news',
    begin: (world, plan) => {
      world.redis.deliveryDelayMsMax = plan.duration(3000);
      say(world, `commits are delivered up to ${world.redis.deliveryDelayMsMax} ms late`);
      plan.endAfter(plan.duration(), () => {
        world.redis.deliveryDelayMsMax = 0;
      });
      return true;
    },
  },
  { name: 'disk replaced', begin: replaceDisk },
  { name: 'bit flip', begin: damageDisk },
  { name: 'disk full', hurtsDisks: true, isOfOne: true, begin: fillDisk },
  {
    name: 'write error',
    hurtsDisks: true,
    isOfOne: true,
    begin: (world, plan) => failDisk(world, plan, 'writev'),
  },
  {
    name: 'sync error',
    hurtsDisks: true,
    isOfOne: true,
    begin: (world, plan) => failDisk(world, plan, 'datasync'),
  },
];

/** The machines that a fault affects: one, a leader, the controller, two, or all. */
function targets(world: World, plan: FaultPlan): readonly Machine[] {
  const { machines, state } = world;
  const any = (): Machine => plan.pick(machines);
  switch (plan.random.below(10)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return [any()];
    case 4:
    case 5: {
      const leaders = [...state.topics.values()].flatMap(({ partitions }) =>
        partitions.flatMap(({ leader }) => leader ?? []),
      );
      return leaders.length === 0 ? [any()] : [world.machine(plan.pick(leaders))];
    }
    case 6:
      return [state.controller === null ? any() : world.machine(state.controller.id)];
    case 7:
    case 8: {
      const spared = machines.length > 1 ? any() : undefined;
      return machines.filter((machine) => machine !== spared);
    }
    default:
      return machines;
  }
}

/** Starts a machine again, soon or after others have taken over. */
function startLater(machine: Machine, plan: FaultPlan): void {
  plan.endAfter(plan.duration(), () => machine.start());
}

function restartOne(world: World, plan: FaultPlan): boolean {
  const machine = plan.pick(world.machines);
  if (!machine.isRunning) return false;
  plan.addRunning(restart(world, machine));
  return true;
}

function restartAll(world: World, plan: FaultPlan): boolean {
  const roll = async (): Promise<void> => {
    for (const machine of world.machines) {
      if (!machine.isRunning) continue;
      await restart(world, machine);
      await world.until(() => machine.broker !== undefined, ROLL_MS_MAX);
    }
  };
  plan.addRunning(roll());
  return true;
}

async function restart(world: World, machine: Machine): Promise<void> {
  await machine.stop();
  await world.sleep(50);
  machine.start();
}

function cut(world: World, plan: FaultPlan): boolean {
  const { links, machines } = world;
  const one = plan.pick(machines);
  const others = machines.filter((machine) => machine !== one);
  const ways: [Place, Place][] = [];
  // One machine is cut off from all, or two from each other; in one direction, or in both.
  const farEnds = plan.random.below(2) === 0 ? others : [plan.pick(others)];
  const how = plan.pick(['both', 'in', 'out'] as const);
  for (const other of farEnds) {
    if (how !== 'in') ways.push([one.id, other.id]);
    if (how !== 'out') ways.push([other.id, one.id]);
  }
  if (plan.random.below(3) === 0) {
    if (how !== 'in') ways.push([one.id, 'redis']);
    if (how !== 'out') ways.push(['redis', one.id]);
  }
  say(world, `cut: ${ways.map(([from, to]) => `${from} to ${to}`).join(', ')}`);
  for (const [from, to] of ways) links.cut(from, to);
  plan.endAfter(plan.duration(), () => {
    say(world, `healed: ${ways.map(([from, to]) => `${from} to ${to}`).join(', ')}`);
    for (const [from, to] of ways) links.heal(from, to);
  });
  return true;
}

function cutFromRedis(world: World, plan: FaultPlan): boolean {
  const { links } = world;
  const cutOff = targets(world, plan);
  const names = cutOff.map(({ name }) => name).join(', ');
  const how = plan.pick(['both', 'in', 'out'] as const);
  say(world, `${names}: Redis cannot be reached (${how})`);
  for (const { id } of cutOff) {
    if (how !== 'in') links.cut(id, 'redis');
    if (how !== 'out') links.cut('redis', id);
  }
  plan.endAfter(plan.duration(), () => {
    say(world, `${names}: Redis can be reached again`);
    for (const { id } of cutOff) {
      links.heal(id, 'redis');
      links.heal('redis', id);
    }
  });
  return true;
}

function slowLinks(world: World, plan: FaultPlan): boolean {
  const { links, machines } = world;
  const one = plan.pick(machines);
  const speed = { latencyMsMin: 0, latencyMsMax: 1 + plan.duration(1500) };
  const places: Place[] = ['redis', ...machines.map(({ id }) => id)];
  say(world, `${one.name} has slow links: up to ${speed.latencyMsMax} ms`);
  for (const place of places) {
    links.setSpeed(one.id, place, speed);
    links.setSpeed(place, one.id, speed);
  }
  plan.endAfter(plan.duration(), () => {
    for (const place of places) {
      links.setSpeed(one.id, place, undefined);
      links.setSpeed(place, one.id, undefined);
    }
  });
  return true;
}

function slowDisk(world: World, plan: FaultPlan): boolean {
  const machine = plan.pick(world.machines);
  machine.diskMsMax = 5 + plan.duration(1000);
  say(world, `${machine.name} has a slow disk: up to ${machine.diskMsMax} ms`);
  plan.endAfter(plan.duration(), () => {
    machine.diskMsMax = 1.5;
  });
  return true;
}

function redisDown(world: World, plan: FaultPlan, lostMs: number): boolean {
  if (!world.redis.isUp) return false;
  say(world, lostMs === 0 ? 'Redis is killed' : `Redis is killed and loses the last ${lostMs} ms`);
  world.redis.kill();
  plan.endAfter(plan.duration(6000), () => {
    say(world, 'Redis starts');
    world.redis.start(lostMs);
  });
  return true;
}

/**
 * While the disk of one member is lost, no other may lose commits that only that member had (M3).
 */
function mayLoseMetadata(world: World): boolean {
  return world.metadata.brokersMissingRecords.length === 0;
}

/** True when a disk may be lost or damaged: as many at a time as I1 allows. */
function maySpareDisk({ metadata, redis, state }: World): boolean {
  const isWhole = [...state.topics.values()].every(({ partitions }) =>
    partitions.every(({ isr, replicas }) => isr.length === replicas.length),
  );
  return isWhole && metadata.brokersMissingRecords.length === 0 && redis.isConfirmed;
}

/** Replaces the disk of one broker at a time, while all others have everything. */
function replaceDisk(world: World, plan: FaultPlan): boolean {
  if (!maySpareDisk(world)) return false;
  const { metadata } = world;
  // Records that are damaged on one disk must not be lost on another one.
  const machine = world.damaged ?? plan.pick(world.machines);
  metadata.diskLost(machine.id);
  machine.replaceDisk();
  startLater(machine, plan);
  return true;
}

/** Damages one disk per run: its damage is unknown until it is read. */
function damageDisk(world: World, plan: FaultPlan): boolean {
  if (!maySpareDisk(world)) return false;
  world.damaged ??= plan.pick(world.machines);
  plan.addRunning(flipBit(world, world.damaged, plan.random));
  return true;
}

function fillDisk(world: World, plan: FaultPlan): boolean {
  const machine = plan.pick(world.machines);
  const { disk } = machine;
  disk.capacityBytes = disk.usedBytes + plan.random.below(2000);
  say(world, `${machine.name} has a full disk`);
  plan.endAfter(plan.duration(), () => {
    disk.capacityBytes = Number.POSITIVE_INFINITY;
  });
  return true;
}

function failDisk(world: World, plan: FaultPlan, point: 'writev' | 'datasync'): boolean {
  const machine = plan.pick(world.machines);
  const path = plan.pick(['.log', '.log', 'checkpoint', world.metadataFile, '']);
  machine.disk.failNext(point, 'EIO', { path, afterBytes: plan.random.below(300) });
  say(world, `${machine.name}: the next ${point} of "${path}" fails`);
  // A log that could not be synced accepts no writes until a restart.
  machine.mustRestart = true;
  plan.endAfter(1000 + plan.duration(), () => {
    machine.kill();
    machine.start();
  });
  return true;
}

function say(world: World, text: string): void {
  world.trace.add('faults', text);
}
