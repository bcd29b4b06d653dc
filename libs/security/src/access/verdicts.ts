import type { AclOperation, ResourceType } from '../acl/acl.js';

/** Verdicts that are remembered at a time; a caller that asks for more is slower. */
const VERDICTS_MAX = 1024;

type ByName = Map<string, boolean>;
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
    const verdict = this.#byOperation.get(operation)?.get(type)?.get(name);
    if (verdict !== undefined) this.#last = { operation, type, name, verdict };
    return verdict;
  }

  /** Remembers a verdict that `get` did not return. */
  set(operation: AclOperation, type: ResourceType, name: string, verdict: boolean): void {
    if (this.#count >= VERDICTS_MAX) this.clear();
    const byType = entry(this.#byOperation, operation);
    const byName = entry(byType, type);
    byName.set(name, verdict);
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
