import {
  ACL_PATTERN_TYPES,
  type Acl,
  type AclFilter,
  type AclOperation,
  RESOURCE_TYPES,
  type Resource,
  type ResourceType,
} from './acl.js';
import { ALLOWING, bitOf, DENYING, rulesOf } from './acl-bits.js';
import { NameRules } from './name-rules.js';

/** The beginning of the principals of each type, and the principal that stands for all of them. */
const PRINCIPAL_TYPES = ['user:', 'key:', 'cert:', 'group:'].map((beginning) => ({
  beginning,
  everyone: `${beginning}*`,
}));

type RulesByType = Partial<Record<ResourceType, NameRules>>;

/**
 * All access control rules, by principal, then by resource type, then by name: literal names, and
 * prefixes by length. A decision costs a few look-ups, however many rules there are. The rules
 * themselves are not kept: they are made from the index when they are listed.
 *
 * The decisions are those of Kafka: `deny` comes before `allow`, what no rule allows is refused,
 * Read, Write, Delete and Alter imply Describe, AlterConfigs implies DescribeConfigs. A `deny` of
 * an operation does not deny the operations that it implies.
 *
 * Rules are added and removed in place; the index has no asynchronous methods.
 */
export class AclIndex {
  readonly #byPrincipal = new Map<string, RulesByType>();
  #size = 0;

  /** Number of rules. */
  get size(): number {
    return this.#size;
  }

  /** @returns false when the rule was there before */
  add(acl: Acl): boolean {
    const byType = this.#byPrincipal.get(acl.principal) ?? {};
    const rules = byType[acl.resourceType] ?? new NameRules();
    const before = rules.patternBits(acl);
    const bits = before | bitOf(acl);
    if (bits === before) return false;
    rules.setPatternBits(acl, bits);
    byType[acl.resourceType] = rules;
    this.#byPrincipal.set(acl.principal, byType);
    this.#size += 1;
    return true;
  }

  /** @returns false when there was no such rule */
  remove(acl: Acl): boolean {
    const byType = this.#byPrincipal.get(acl.principal);
    const rules = byType?.[acl.resourceType];
    if (byType === undefined || rules === undefined) return false;
    const before = rules.patternBits(acl);
    const bits = before & ~bitOf(acl);
    if (bits === before) return false;
    rules.setPatternBits(acl, bits);
    if (rules.isEmpty) delete byType[acl.resourceType];
    if (Object.keys(byType).length === 0) this.#byPrincipal.delete(acl.principal);
    this.#size -= 1;
    return true;
  }

  has(acl: Acl): boolean {
    const rules = this.#byPrincipal.get(acl.principal)?.[acl.resourceType];
    return rules !== undefined && (rules.patternBits(acl) & bitOf(acl)) !== 0;
  }

  /** The rules that equal every member of the filter that is present. */
  *select(filter: AclFilter): Generator<Acl> {
    for (const acl of this.examine(filter)) if (acl !== undefined) yield acl;
  }

  /**
   * Like `select`, but also gives `undefined` for each rule that was examined in vain, so that its
   * caller can pause. When the index changes meanwhile, the changed rules may be given or not.
   */
  *examine(filter: AclFilter): Generator<Acl | undefined> {
    for (const [principal, byType] of this.#principals(filter.principal)) {
      for (const resourceType of RESOURCE_TYPES) {
        const rules = byType[resourceType];
        const isOther = filter.resourceType !== undefined && filter.resourceType !== resourceType;
        if (rules === undefined || isOther) {
          yield undefined;
          continue;
        }
        for (const { patternType, resourceName, bits } of patternsOf(rules, filter)) {
          const isSelected = patternType === (filter.patternType ?? patternType);
          for (const { operation, permission } of rulesOf(bits)) {
            yield isSelected && isOneOf(filter, operation, permission)
              ? { principal, resourceType, resourceName, patternType, operation, permission }
              : undefined;
          }
        }
      }
    }
  }

  /** Decides about one resource. `principals` are the principal and its groups. */
  isAllowed(
    principals: readonly string[],
    operation: AclOperation,
    { type, name }: Resource,
  ): boolean {
    let bits = 0;
    for (const principal of principals) {
      bits |= this.#byPrincipal.get(principal)?.[type]?.bitsOf(name) ?? 0;
    }
    for (const { beginning, everyone } of PRINCIPAL_TYPES) {
      const rules = this.#byPrincipal.get(everyone)?.[type];
      if (rules !== undefined && hasType(principals, beginning)) bits |= rules.bitsOf(name);
    }
    return (bits & DENYING[operation]) === 0 && (bits & ALLOWING[operation]) !== 0;
  }

  /**
   * Decides whether at least one name of the type is allowed, as Kafka's
   * `authorizeByResourceType` does: an `allow` counts unless a single `deny` covers it, either of
   * the same literal name or of a prefix of it. Many prefixes that together cover every name are
   * not recognised: a request that names a resource is decided by `isAllowed`.
   */
  isAllowedOnAny(
    principals: readonly string[],
    operation: AclOperation,
    type: ResourceType,
  ): boolean {
    const allRules = [...this.#rulesFor(principals, type)];
    const allowing = ALLOWING[operation];
    const denying = DENYING[operation];
    if (allRules.some(({ everyName }) => (everyName & denying) !== 0)) return false;
    const isPrefixDenied = (name: string): boolean =>
      allRules.some((rules) => (rules.prefixBitsOf(name) & denying) !== 0);
    const isDenied = (name: string): boolean =>
      isPrefixDenied(name) || allRules.some((rules) => (rules.literalBitsOf(name) & denying) !== 0);
    return allRules.some((rules) => {
      if ((rules.everyName & allowing) !== 0) return true;
      for (const [prefix, bits] of rules.prefixes) {
        if ((bits & allowing) !== 0 && !isPrefixDenied(prefix)) return true;
      }
      for (const [name, bits] of rules.literals) {
        if ((bits & allowing) !== 0 && !isDenied(name)) return true;
      }
      return false;
    });
  }

  /** Decides whether every name of the type is allowed: by a rule for all, and without a `deny`. */
  isAllowedOnAll(
    principals: readonly string[],
    operation: AclOperation,
    type: ResourceType,
  ): boolean {
    const allRules = [...this.#rulesFor(principals, type)];
    const isAllowed = allRules.some(({ everyName }) => (everyName & ALLOWING[operation]) !== 0);
    return isAllowed && !allRules.some((rules) => rules.hasAny(DENYING[operation]));
  }

  /** The rules of the principals, and of the `<type>:*` of their types. */
  *#rulesFor(principals: readonly string[], type: ResourceType): Generator<NameRules> {
    for (const principal of principals) {
      const rules = this.#byPrincipal.get(principal)?.[type];
      if (rules !== undefined) yield rules;
    }
    for (const { beginning, everyone } of PRINCIPAL_TYPES) {
      const rules = this.#byPrincipal.get(everyone)?.[type];
      if (rules !== undefined && hasType(principals, beginning)) yield rules;
    }
  }

  #principals(
    principal: string | undefined,
  ): Iterable<readonly [principal: string, byType: RulesByType]> {
    if (principal === undefined) return this.#byPrincipal;
    const byType = this.#byPrincipal.get(principal);
    return byType === undefined ? [] : [[principal, byType]];
  }
}

function hasType(principals: readonly string[], beginning: string): boolean {
  return principals.some((principal) => principal.startsWith(beginning));
}

function isOneOf(
  filter: AclFilter,
  operation: Acl['operation'],
  permission: Acl['permission'],
): boolean {
  return (
    (filter.operation ?? operation) === operation &&
    (filter.permission ?? permission) === permission
  );
}

/** The patterns with the name of a filter, by a look-up, or all patterns. */
function* patternsOf(
  rules: NameRules,
  { resourceName }: AclFilter,
): ReturnType<NameRules['patterns']> {
  if (resourceName === undefined) {
    yield* rules.patterns();
    return;
  }
  for (const patternType of ACL_PATTERN_TYPES) {
    const bits = rules.patternBits({ patternType, resourceName });
    if (bits !== 0) yield { patternType, resourceName, bits };
  }
}
