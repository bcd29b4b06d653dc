import { detachedText } from '#runtime';
import type { AclOperation, ResourceType } from '../acl/acl.js';

/**
 * Verdicts that are remembered at a time; a caller that asks for more is slower. Callers choose
 * the names, also those with tokens, whose connections each have their own.
 */
const VERDICTS_MAX = 128;
/** Longest name that is remembered, in characters: no topic and no group has a longer one. */
const NAME_LENGTH_MAX = 255;

type ByName = Map<string, FoundVerdict>;
type ByType = Map<ResourceType, ByName>;

interface FoundVerdict {
  readonly operation: AclOperation;
  readonly type: ResourceType;
  readonly name: string;
  readonly verdict: boolean;
}

/** Remembered decisions about resources. A look-up builds no text: it is part of each request. */
export class Verdicts {
  readonly #byOperation = new Map<AclOperation, ByType>();
  /** The verdict that was found last. */
  #last: FoundVerdict | undefined;
  #count = 0;

  get(operation: AclOperation, type: ResourceType, name: string): boolean | undefined {
    const last = this.#last;
    // Most callers ask for the same resource again.
    if (last?.name === name && last.operation === operation && last.type === type) {
      return last.verdict;
    }
    const found = this.#byOperation.get(operation)?.get(type)?.get(name);
    if (found !== undefined) this.#last = found;
    return found?.verdict;
  }

  /** Remembers a verdict that `get` did not return. */
  set(operation: AclOperation, type: ResourceType, name: string, verdict: boolean): void {
    if (name.length > NAME_LENGTH_MAX) return;
    if (this.#count >= VERDICTS_MAX) this.clear();
    const byType = entry(this.#byOperation, operation);
    const byName = entry(byType, type);
    // The name may be a part of a long URL, which it would keep in memory.
    const found = { operation, type, name: detachedText(name), verdict };
    byName.set(found.name, found);
    this.#count += 1;
  }

  clear(): void {
    this.#byOperation.clear();
    this.#last = undefined;
    this.#count = 0;
  }
}

/** Returns the map under a key; a new one if there is none. */
function entry<Key, Value extends Map<unknown, unknown>>(maps: Map<Key, Value>, key: Key): Value {
  const present = maps.get(key);
  if (present !== undefined) return present;
  const created = new Map() as Value;
  maps.set(key, created);
  return created;
}
