import type { OutboundMemory } from '#delivery';
import type { Clock, MemoryBudget, Scheduler, SharedAccount } from '#runtime';
import type { Access, EdgeSecurity, OpenUses } from '#security';
import type { RequestAudit } from './admission/request-audit.js';
import type { ClientErrors } from './answer/client-errors.js';
import type { ConnectionTable } from './connection/connection-table.js';
import type { TlsOptions } from './connection/tls-options.js';
import type { FrontEvents } from './front-events.js';
import type { LongPolls } from './long-polls.js';
import type { RequestObserver } from './request-observer.js';

/** The settings that the front uses. */
export interface HttpFrontOptions extends TlsOptions {
  /** Largest body in bytes, as sent and as decompressed. */
  readonly requestBytesMax: number;
  readonly bodyIdleTimeoutMs: number;
  readonly firstByteTimeoutMs: number;
  readonly headTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly stopTimeoutMs: number;
  readonly connectionsMax: number;
  /** Share of connections whose caller is not known yet, while authentication is on. */
  readonly unidentifiedConnectionsPercent: number;
  readonly pipelinedRequestsMax: number;
}

/** State that all requests of a front share. */
export interface FrontContext {
  readonly options: HttpFrontOptions;
  /** Undefined while authentication is off. */
  readonly security: EdgeSecurity | undefined;
  /** Undefined while authentication is off. */
  readonly audit: RequestAudit | undefined;
  readonly events: FrontEvents;
  readonly memory: MemoryBudget;
  /** Returns the memory of a request of this principal, a part of `memory`. */
  memoryOf(access: Access): SharedAccount;
  /** Counts bytes that clients were sent and have not received. */
  readonly outbound: OutboundMemory;
  readonly connections: ConnectionTable;
  readonly longPolls: LongPolls;
  /** The uses that callers have opened; undefined while authentication is off. */
  readonly openUses: OpenUses | undefined;
  readonly observer: RequestObserver;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly errors: ClientErrors;
}
