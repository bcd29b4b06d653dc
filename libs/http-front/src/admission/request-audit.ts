import type { IncomingMessage, ServerResponse } from 'node:http';
import type { OperationSpec } from '#api';
import type { AuditLog, Caller, EdgeSecurity } from '#security';
import type { FoundOperation } from '../operation-router.js';

/** Operations of rules that change something for others than their caller. */
const ADMINISTRATIVE: ReadonlySet<string> = new Set(['Create', 'Delete', 'Alter', 'AlterConfigs']);

/** A request with its answer, as far as the audit log reports them. */
export interface AuditedRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Undefined for a path that nothing serves. */
  readonly found: FoundOperation | undefined;
  /** Undefined if no credential was accepted. */
  readonly caller: Caller | undefined;
}

/** Writes the ends of requests to the audit log: refusals, and administrative changes. */
export class RequestAudit {
  readonly #log: AuditLog;
  readonly #logins: EdgeSecurity['logins'];

  constructor({ audit, logins }: EdgeSecurity) {
    this.#log = audit;
    this.#logins = logins;
  }

  /**
   * Reports the request at its end.
   * @param inputOf returns the query, and the body as far as it was read and checked: they name
   *   resources
   */
  watch(audited: AuditedRequest, inputOf: () => unknown): void {
    // Its client may be gone at the end.
    const address = this.#logins.addressOf(audited.request);
    audited.response.once('finish', () => {
      this.#ended(audited, address, inputOf());
    });
  }

  /** Reports a request that has its answer, and that changes nothing, if it was refused. */
  answered(audited: AuditedRequest): void {
    if (!isRefused(audited.response)) return;
    this.#ended(audited, this.#logins.addressOf(audited.request), undefined);
  }

  /** Reports the request if its answer is a refusal, or if it was an administrative change. */
  #ended({ found, caller, response }: AuditedRequest, address: string, input: unknown): void {
    const { statusCode: status } = response;
    const refused = isRefused(response);
    if (!refused && (found === undefined || !isAdministrative(found.operation))) return;
    const operation =
      found === undefined ? 'unknown' : `${found.operation.method} ${found.operation.path}`;
    const resources = [...namedByPath(found), ...namedByInput(input)];
    const result = refused ? 'refused' : status < 300 ? 'done' : 'failed';
    this.#log.add({ caller, address, operation, resources }, result, status);
  }
}

function isRefused({ statusCode }: ServerResponse): boolean {
  return statusCode === 401 || statusCode === 403;
}

function isAdministrative({ method, needs }: OperationSpec): boolean {
  const changes = needs.some((need) => 'operation' in need && ADMINISTRATIVE.has(need.operation));
  return method !== 'GET' && changes;
}

function namedByPath(found: FoundOperation | undefined): readonly string[] {
  return Object.entries(found?.parameters ?? {}).map(([name, value]) => `${name}:${value}`);
}

/** Names the topics, keys and rules of a query or body; values that are not names stay out. */
function namedByInput(input: unknown): readonly string[] {
  const { query, body } = Object(input) as { readonly query?: unknown; readonly body?: unknown };
  const { name, topic, acls, groups } = Object(body) as Readonly<Record<string, unknown>>;
  return [
    ...(typeof name === 'string' ? [`name:${name}`] : []),
    ...(typeof topic === 'string' ? [`topic:${topic}`] : []),
    ...(Array.isArray(groups) ? groups.map((group) => `group:${String(group)}`) : []),
    ...(Array.isArray(acls) ? acls.map(ruleText) : []),
    ...(query === undefined || Object.keys(Object(query)).length === 0 ? [] : [ruleText(query)]),
  ];
}

function ruleText(rule: unknown): string {
  return Object.entries(Object(rule) as Readonly<Record<string, unknown>>)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(' ');
}
