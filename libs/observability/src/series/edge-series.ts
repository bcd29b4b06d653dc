import type { EdgeStatus } from '#security';
import type { StatusSeries } from './status-series.js';

/** Series of callers at this broker; 0 while authentication is off. */
export const EDGE_SERIES: readonly StatusSeries<EdgeStatus>[] = [
  {
    name: 'kafka_server_socketservermetrics_failed_authentication_total',
    type: 'counter',
    help: 'Requests and messages whose credential is not accepted.',
    read: (s) => s.failedLogins.total,
  },
  {
    name: 'sluice_security_failed_logins_delayed_total',
    type: 'counter',
    help: 'Answers to failed logins that were held back, after several from one address.',
    read: (s) => s.failedLogins.delayed,
  },
  {
    name: 'sluice_security_failed_login_delay_seconds_total',
    type: 'counter',
    help: 'Time for which answers to failed logins were held back.',
    read: (s) => s.failedLogins.delayMs / 1000,
  },
  {
    name: 'sluice_security_failed_login_addresses',
    type: 'gauge',
    help: 'Addresses whose failed logins are counted, at most SLUICE_FAILED_LOGIN_ADDRESSES_MAX.',
    read: (s) => s.failedLogins.addresses,
  },
  {
    name: 'sluice_security_tickets_unused',
    type: 'gauge',
    help: 'Tickets of this broker that nobody has used yet, at most SLUICE_TICKETS_MAX.',
    read: (s) => s.tickets.unused,
  },
  {
    name: 'sluice_security_tickets_issued_total',
    type: 'counter',
    help: 'Tickets that this broker has issued.',
    read: (s) => s.tickets.issuedTotal,
  },
  {
    name: 'sluice_security_tickets_redeemed_total',
    type: 'counter',
    help: 'Tickets that clients have used at this broker.',
    read: (s) => s.tickets.redeemedTotal,
  },
  {
    name: 'sluice_security_tickets_refused_total',
    type: 'counter',
    help: 'Tickets that were not valid: unknown, used before, expired, or of an unreachable broker.',
    read: (s) => s.tickets.refusedTotal,
  },
  {
    name: 'sluice_security_producer_tokens_refused_total',
    type: 'counter',
    help: 'Writes refused because the producer id belongs to another caller.',
    read: (s) => s.producerTokensRefused,
  },
  {
    name: 'sluice_security_audit_lines_total',
    type: 'counter',
    help: 'Lines of the audit log, including those that were lost.',
    read: (s) => s.auditLines,
  },
  {
    name: 'sluice_security_audit_lines_lost_total',
    type: 'counter',
    help: 'Lines of the audit log that could not be written and are lost.',
    read: (s) => s.auditLinesLost,
  },
  {
    name: 'sluice_quota_buckets',
    type: 'gauge',
    help: 'Quotas whose use this broker counts now, at most SLUICE_QUOTA_BUCKETS_MAX.',
    read: (s) => s.quotaBuckets,
  },
];

/** A series with one label, whose values are those of a table and never chosen by clients. */
export interface LabelledSeries {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly label: string;
  /** Returns the values of the label with their numbers. */
  readonly read: (status: EdgeStatus) => Iterable<readonly [label: string, value: number]>;
}

export const LABELLED_EDGE_SERIES: readonly LabelledSeries[] = [
  {
    name: 'sluice_quota_throttled_total',
    type: 'counter',
    help: 'Uses that a quota of their principal delayed, by the quota.',
    label: 'quota',
    read: ({ throttles }) => valuesOf(throttles, ({ delayed }) => delayed),
  },
  {
    name: 'sluice_quota_throttle_seconds_total',
    type: 'counter',
    help: 'Time for which quotas of their principals delayed uses, by the quota.',
    label: 'quota',
    read: ({ throttles }) => valuesOf(throttles, ({ delayMs }) => delayMs / 1000),
  },
  {
    name: 'sluice_quota_refused_total',
    type: 'counter',
    help: 'Uses refused with 429 because the quota of their principal was used up, by the quota.',
    label: 'quota',
    read: ({ throttles }) => valuesOf(throttles, ({ refused }) => refused),
  },
  {
    name: 'sluice_share_max',
    type: 'gauge',
    help: 'Amount that one principal may hold of a bound (SLUICE_PRINCIPAL_SHARE_PERCENT), by the bound.',
    label: 'bound',
    read: ({ shares }) => sharesOf(shares, ({ shareMax }) => shareMax),
  },
  {
    name: 'sluice_share_largest',
    type: 'gauge',
    help: 'Largest amount that one principal holds of a bound, by the bound.',
    label: 'bound',
    read: ({ shares }) => sharesOf(shares, ({ largest }) => largest),
  },
  {
    name: 'sluice_share_principals',
    type: 'gauge',
    help: 'Principals that hold a part of a bound, by the bound.',
    label: 'bound',
    read: ({ shares }) => sharesOf(shares, ({ principals }) => principals),
  },
  {
    name: 'sluice_share_refused_total',
    type: 'counter',
    help: 'Uses refused because the share of their principal in a bound was used up, by the bound.',
    label: 'bound',
    read: ({ shares }) => sharesOf(shares, ({ refusedTotal }) => refusedTotal),
  },
  {
    name: 'sluice_security_denials_total',
    type: 'counter',
    help: 'Uses refused for lack of a permission, by the operation that was missing.',
    label: 'operation',
    read: ({ denials }) => denials,
  },
];

function* valuesOf<Value>(
  table: Readonly<Record<string, Value>>,
  read: (value: Value) => number,
): Generator<readonly [string, number]> {
  for (const [name, value] of Object.entries(table)) yield [name, read(value)];
}

type Shares = EdgeStatus['shares'];

function* sharesOf(
  shares: Shares,
  read: (share: NonNullable<ReturnType<Shares['get']>>) => number,
): Generator<readonly [string, number]> {
  for (const [bound, share] of shares) yield [bound, read(share)];
}
