import type { AuditLog } from './audit/audit-log.js';
import type { Authenticator } from './credential/authenticator.js';
import type { LoginGuard } from './credential/login-guard.js';
import type { ProducerTokens } from './credential/producer-tokens.js';
import type { TicketOffice } from './credential/ticket-office.js';
import type { PrincipalShares } from './quota/principal-shares.js';
import type { QuotaLimiter } from './quota/quota-limiter.js';

/** The parts that the edge of a gateway uses while authentication is on. */
export interface EdgeSecurity {
  readonly authenticator: Authenticator;
  readonly logins: LoginGuard;
  readonly tickets: TicketOffice;
  readonly producerTokens: ProducerTokens;
  readonly quotas: QuotaLimiter;
  readonly shares: PrincipalShares;
  readonly audit: AuditLog;
}
