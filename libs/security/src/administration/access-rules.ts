import { ProtocolError } from '#protocol';
import type { SlicedWork } from '#runtime';
import type { Acl, AclFilter } from '../acl/acl.js';
import type { Caller } from '../caller.js';
import type { SecurityMetadata, SecurityView } from '../metadata/security-metadata.js';

/** A page of the list of rules. */
export interface AclPage {
  readonly acls: readonly Acl[];
  /** Number of rules before the next page; null at the end. */
  readonly nextAfter: number | null;
}

/** The rules that are about one caller. */
interface RulesOfCaller {
  readonly allowed: readonly Acl[];
  readonly denied: readonly Acl[];
}

/** Rules of one caller that are shown, at most. */
const RULES_OF_CALLER_MAX = 1000;
/** Rules that a list examines in one turn of the event loop: some milliseconds. */
const EXAMINED_PER_SLICE = 10_000;

/**
 * Lists, adds and removes access control rules.
 *
 * Overlap: everything may overlap; the metadata decides the order.
 */
export class AccessRules {
  readonly #metadata: SecurityMetadata;

  constructor(metadata: SecurityMetadata) {
    this.#metadata = metadata;
  }

  /** @param after number of rules to pass over */
  *list(filter: AclFilter, after: number, limit: number): SlicedWork<AclPage> {
    const acls: Acl[] = [];
    let examined = 0;
    let passed = 0;
    for (const acl of this.#metadata.view.examineAcls(filter)) {
      examined += 1;
      if (examined % EXAMINED_PER_SLICE === 0) yield;
      if (acl === undefined) continue;
      passed += 1;
      if (passed <= after) continue;
      if (acls.length === limit) return { acls, nextAfter: after + limit };
      acls.push(acl);
    }
    return { acls, nextAfter: null };
  }

  /** @throws ProtocolError INVALID_REQUEST for a rule without a meaning; POLICY_VIOLATION */
  async add(acls: readonly Acl[]): Promise<void> {
    acls.forEach(assertMeaning);
    await this.#metadata.update(() => [{ kind: 'acls-added', acls }]);
  }

  /**
   * @returns the removed rules
   * @throws ProtocolError INVALID_REQUEST for a filter that selects everything
   */
  async remove(filter: AclFilter): Promise<readonly Acl[]> {
    if (Object.keys(filter).length === 0) throw filterMissing();
    let removed: readonly Acl[] = [];
    await this.#metadata.update((view) => {
      removed = [...view.acls(filter)];
      return removed.length === 0 ? [] : [{ kind: 'acls-removed', acls: removed }];
    });
    return removed;
  }

  /** Returns the first rules about the principal, its groups and all principals of their types. */
  ofCaller({ principal, groups }: Caller): RulesOfCaller {
    const types = new Set([principal, ...groups].map((each) => each.slice(0, each.indexOf(':'))));
    const everyone = [...types].map((type) => `${type}:*`);
    const rules: Acl[] = [];
    for (const each of [principal, ...groups, ...everyone]) {
      addRules(rules, this.#metadata.view, each);
    }
    return {
      allowed: rules.filter(({ permission }) => permission === 'allow'),
      denied: rules.filter(({ permission }) => permission === 'deny'),
    };
  }
}

function addRules(rules: Acl[], view: SecurityView, principal: string): void {
  for (const acl of view.acls({ principal })) {
    if (rules.length >= RULES_OF_CALLER_MAX) return;
    rules.push(acl);
  }
}

/** @throws ProtocolError INVALID_REQUEST */
function assertMeaning({ resourceType, resourceName, patternType }: Acl, index: number): void {
  const isLiteral = patternType === 'literal';
  if (resourceType === 'cluster') {
    if (isLiteral && (resourceName === 'cluster' || resourceName === '*')) return;
    throw fault(`/acls/${index}/resourceName`, 'must be the literal name "cluster"');
  }
  if (isLiteral || resourceName !== '*') return;
  throw fault(`/acls/${index}/resourceName`, '"*" stands for every name only as a literal name');
}

function filterMissing(): ProtocolError {
  return new ProtocolError(
    'INVALID_REQUEST',
    'At least one of principal, resourceType, resourceName, patternType, operation and permission is needed.',
  );
}

function fault(pointer: string, detail: string): ProtocolError {
  return new ProtocolError('INVALID_REQUEST', `${pointer}: ${detail}.`, {
    faults: [{ pointer, detail }],
  });
}
