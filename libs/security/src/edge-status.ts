import type { AclOperation } from './acl/acl.js';
import type { TicketCounts } from './credential/ticket-office.js';
import type { EdgeSecurity } from './edge-security.js';
import type { SharedBound, ShareStatus } from './quota/principal-shares.js';
import type { QuotaLimiter } from './quota/quota-limiter.js';

/** Numbers of the uses of callers at this broker, since its start. */
export interface EdgeStatus {
  readonly throttles: QuotaLimiter['counts'];
  readonly quotaBuckets: number;
  readonly shares: ReadonlyMap<SharedBound, ShareStatus>;
  readonly failedLogins: {
    readonly total: number;
    readonly delayed: number;
    readonly delayMs: number;
    /** Addresses whose failures are counted now. */
    readonly addresses: number;
  };
  readonly tickets: TicketCounts & { readonly unused: number };
  readonly producerTokensRefused: number;
  readonly auditLines: number;
  readonly auditLinesLost: number;
  /** Uses that were refused for lack of a permission, by the operation that was missing. */
  readonly denials: ReadonlyMap<AclOperation, number>;
}

export function edgeStatus(edge: EdgeSecurity): EdgeStatus {
  const { authenticator, logins, tickets, producerTokens, quotas, shares, audit } = edge;
  return {
    throttles: quotas.counts,
    quotaBuckets: quotas.bucketCount,
    shares: shares.status(),
    failedLogins: {
      total: logins.failed.failuresTotal,
      delayed: logins.failed.delayedTotal,
      delayMs: logins.failed.delayMsTotal,
      addresses: logins.failed.addressCount,
    },
    tickets: { ...tickets.counts, unused: tickets.count },
    producerTokensRefused: producerTokens.refusedTotal,
    auditLines: audit.linesTotal,
    auditLinesLost: audit.lostTotal,
    denials: authenticator.denials.totals,
  };
}
