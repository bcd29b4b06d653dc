import type { ForwardedCallers } from './access/forwarded-callers.js';
import type { TicketOffice } from './credential/ticket-office.js';
import type { SecurityMetadata } from './metadata/security-metadata.js';

/** The parts of security that the calls between brokers use; they are opened with the broker. */
export interface BrokerSecurity<Metadata extends SecurityMetadata = SecurityMetadata> {
  /** Keys, rules and quotas. */
  readonly metadata: Metadata;
  readonly tickets: TicketOffice;
  /** Decides about the requests that other brokers forward. */
  readonly callers: ForwardedCallers;
}
