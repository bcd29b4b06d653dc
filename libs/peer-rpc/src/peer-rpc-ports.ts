import type { Logger, Scheduler } from '#runtime';

/** The parts of the process that calls between brokers need. */
export interface PeerRpcPorts {
  readonly logger: Logger;
  readonly scheduler: Scheduler;
}
