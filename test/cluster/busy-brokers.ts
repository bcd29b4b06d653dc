import { type ClusterBroker, ClusterProcesses } from '../support/cluster-processes.js';
import { Inspector } from '../support/inspector.js';
import { metricOf } from '../support/metric-of.js';

/** So long that a thread of its own can renew it while other programs use the processors. */
export const LEASE_MS = 4000;
export const LOOP_SILENCE_MAX_MS = 9000;

/** Starts two brokers whose event loops `keepBusy` can block. */
export function startBusyBrokers(): Promise<ClusterProcesses> {
  return ClusterProcesses.start({
    brokers: 2,
    environment: {
      SLUICE_LEASE_MS: String(LEASE_MS),
      SLUICE_LOOP_SILENCE_MAX_MS: String(LOOP_SILENCE_MAX_MS),
      // Leaders stay where they are put.
      SLUICE_PREFERRED_LEADER_INTERVAL_MS: '0',
      NODE_OPTIONS: '--inspect=127.0.0.1:0',
    },
  });
}

/** Blocks the event loop of a broker with one task. Resolves when the task is over. */
export async function keepBusy(broker: ClusterBroker, durationMs: number): Promise<void> {
  broker.isUp = false;
  const inspector = await Inspector.of(broker.process);
  await inspector.evaluate(
    `{ const endMs = performance.now() + ${durationMs}; while (performance.now() < endMs); }`,
  );
  inspector.close();
  broker.isUp = true;
}

export function metric(broker: ClusterBroker, name: string): Promise<number> {
  return metricOf(broker.url, name);
}
