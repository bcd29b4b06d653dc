import type { OutboundMemory } from '#delivery';
import type { Logger, MemoryBudget } from '#runtime';
import type { FrontEvents } from '../../shared/front-events.js';
import type { RequestObserver } from '../../shared/request-observer.js';
import type { ConnectionTable } from './connection-table.js';
import type { LongPolls } from './long-polls.js';

/** The settings that the front uses. */
export interface HttpFrontOptions {
  /** Address that the listener is bound to. */
  readonly host: string;
  /** Origins that may call besides its own; `*` is every origin. */
  readonly corsOrigins: readonly string[];
  /** Largest body in bytes, as sent and as decompressed. */
  readonly requestBytesMax: number;
  readonly bodyIdleTimeoutMs: number;
  readonly firstByteTimeoutMs: number;
  readonly headTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly stopTimeoutMs: number;
  readonly connectionsMax: number;
  readonly pipelinedRequestsMax: number;
}

/** State that all requests of a front share. */
export interface FrontContext {
  readonly options: HttpFrontOptions;
  /**
   * Path that a proxy puts before every path of the gateway, by SLUICE_PUBLIC_URL; empty for none.
   */
  readonly pathPrefix: string;
  readonly events: FrontEvents;
  readonly memory: MemoryBudget;
  /** Counts bytes that clients were sent and have not received. */
  readonly outbound: OutboundMemory;
  readonly connections: ConnectionTable;
  readonly longPolls: LongPolls;
  readonly observer: RequestObserver;
  readonly logger: Logger;
}
