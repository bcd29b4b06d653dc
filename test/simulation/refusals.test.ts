/** A cluster whose brokers refuse calls while others are away. */
import { expect, it } from 'vitest';
import type { Broker } from '#broker';
import { produceOf } from '../../libs/broker/src/testing/records.js';
import { Scenario } from './scenario.js';

const TARGET = { topic: 'killer', partition: 0 };
const OFFSET = { ...TARGET, offset: 0, metadata: '' };

it('brokers say which replicas, leaders and coordinators are away', () => Scenario.run(refusals));

async function refusals(scenario: Scenario): Promise<void> {
  await scenario.createTopic([0, 1, 2]);
  await scenario.produced('while-all-are-there', 0);
  await broker(scenario, 0).commitOffsets('billing', [OFFSET]);

  scenario.machine(1).kill();
  scenario.machine(2).kill();
  await scenario.reach('the leader is alone in the ISR', () => scenario.partition.isr.length === 1);
  const alone = broker(scenario, 0).produce(produceOf('killer', [{ value: 'x', partition: 0 }]));
  await expect(alone).rejects.toMatchObject({ code: 'NOT_ENOUGH_REPLICAS', outcome: 'failed' });

  scenario.machine(0).kill();
  scenario.machine(1).start();
  await scenario.reach('a broker outside the ISR is back', () => isServing(scenario, 1));
  await scenario.reach('there is no leader', () => scenario.partition.leader === null);
  await expect(broker(scenario, 1).committedOffsets('billing')).rejects.toMatchObject({
    code: 'COORDINATOR_NOT_AVAILABLE',
  });

  scenario.machine(0).start();
  await scenario.reach('both are in the ISR', () => scenario.partition.isr.length === 2);
  scenario.machine(0).kill();
  await scenario.reach('the other one leads', () => scenario.partition.leader === 1);
  await expect(
    broker(scenario, 1).electLeader(TARGET, { type: 'preferred' }),
  ).rejects.toMatchObject({
    code: 'LEADER_NOT_AVAILABLE',
    message: 'The preferred leader, broker 0, is not alive or not in sync.',
  });
}

function broker(scenario: Scenario, id: number): Broker {
  const found = scenario.machine(id).broker;
  if (found === undefined) throw new Error(`broker ${id} does not run`);
  return found;
}

function isServing(scenario: Scenario, id: number): boolean {
  return scenario.machine(id).broker !== undefined && scenario.journaledBy(id) >= 0;
}
