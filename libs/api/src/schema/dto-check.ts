/**
 * Checks objects of clients against the rules of their classes. All faults are counted, and the
 * first ones described. It takes about a microsecond per member, and json-document.ts has already
 * bounded the number of members.
 */
import type { FaultList } from '#protocol';
import { memberPointer } from '#record-json';
import { type DtoClass, type MemberRule, memberRules } from './members.js';

/** The place of the object in the client's request. */
export interface DtoPlace {
  /** Begins the pointers of faults: `/`, `/data/` or `?`. */
  readonly prefix: string;
  /** The sentence about a member without a rule. */
  readonly unknownDetail: string;
}

/**
 * @param object the parsed object; parameters of a query are converted to their types in a copy
 * @returns the object for the handler; its members have the types of the class if there are no
 *   faults
 */
export function checkDto(
  type: DtoClass,
  object: Readonly<Record<string, unknown>>,
  place: DtoPlace,
  faults: FaultList,
): object {
  const rules = memberRules(type);
  for (const name of Object.keys(object)) {
    if (rules.has(name)) continue;
    if (faults.isFull) faults.countOne();
    else faults.add(pointerTo(place, name), place.unknownDetail);
  }
  let taken: Readonly<Record<string, unknown>> = object;
  for (const [name, rule] of rules) {
    const given = Object.hasOwn(object, name) ? object[name] : undefined;
    const value = rule.fromText === undefined ? given : rule.fromText(given);
    if (value !== given) taken = { ...taken, [name]: value };
    if (rule.conditions.every((holds) => holds(object, value))) {
      checkMember(name, rule, value, place, faults);
    }
  }
  return taken;
}

function checkMember(
  name: string,
  rule: MemberRule,
  value: unknown,
  place: DtoPlace,
  faults: FaultList,
): void {
  const failed = rule.checks.find((check) => !check.accepts(value));
  if (failed !== undefined) {
    if (faults.isFull) faults.countOne();
    else faults.add(pointerTo(place, name), failed.message);
    return;
  }
  if (rule.itemsOf === undefined) return;
  const type = rule.itemsOf();
  for (const [index, item] of (value as Record<string, unknown>[]).entries()) {
    const prefix = `${pointerTo(place, name)}/${index}/`;
    checkDto(type, item, { ...place, prefix }, faults);
  }
}

function pointerTo({ prefix }: DtoPlace, name: string): string {
  if (prefix === '?') return `?${name}`;
  return memberPointer(prefix.slice(0, -1), name);
}
