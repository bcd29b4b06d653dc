import findMyWay, { type HTTPMethod } from 'find-my-way';
import { methodsOf, type OperationSpec } from '#api';
import { RecentMap } from '#runtime';
import { type AdmissionNeeds, admissionNeedsOf } from './admission/admission-needs.js';

/** Parameters are bounded by the size of a request's head, and each handler checks its own. */
const PARAMETER_LENGTH_MAX = 16 * 1024;
/** Paths of each method whose operation is remembered. */
const REMEMBERED_MAX = 1000;
/** Longest path that is remembered, in characters. */
const REMEMBERED_LENGTH_MAX = 512;
const METHODS: readonly HTTPMethod[] = ['DELETE', 'GET', 'HEAD', 'PATCH', 'POST', 'PUT'];

/** An operation that a request names. */
export interface FoundOperation {
  readonly operation: OperationSpec;
  readonly needs: AdmissionNeeds;
  /** Decoded parameters of the path. */
  readonly parameters: Readonly<Record<string, string | undefined>>;
}

/**
 * Finds the operation of a request in the table of operations, with the router of Fastify. It
 * remembers the last paths that it found: most requests have the path of an earlier one.
 */
export class OperationRouter {
  readonly #router = findMyWay({ maxParamLength: PARAMETER_LENGTH_MAX });
  readonly #remembered: ReadonlyMap<string, RecentMap<FoundOperation>> = new Map(
    METHODS.map((method) => [method, new RecentMap(REMEMBERED_MAX)]),
  );

  constructor(operations: readonly OperationSpec[]) {
    for (const operation of operations) {
      const found = { operation, needs: admissionNeedsOf(operation) };
      this.#router.on([...methodsOf(operation)], patternOf(operation.path), notCalled, found);
    }
  }

  /**
   * @param path percent-encoded
   * @returns undefined for an unknown path, for another method, an empty parameter, or a broken
   *   percent-encoding
   */
  find(method: string | undefined, path: string): FoundOperation | undefined {
    const remembered = this.#remembered.get(method ?? '');
    const known = remembered?.get(path);
    if (known !== undefined) return known;
    if (path.length > REMEMBERED_LENGTH_MAX) return this.#route(method, path);
    // A copy: the path that was received is a part of a longer text, which would be kept with it.
    const own = Buffer.from(path, 'latin1').toString('latin1');
    const found = this.#route(method, own);
    if (found !== undefined) remembered?.set(own, found);
    return found;
  }

  #route(method: string | undefined, path: string): FoundOperation | undefined {
    // A colon may come percent-encoded; inside of a parameter it is decoded anyway.
    const readable = path.includes('%3') ? path.replaceAll(/%3A/gi, ':') : path;
    const found = this.#router.find(method as HTTPMethod, readable);
    if (found === null) return undefined;
    const { params: parameters, store } = found;
    for (const name in parameters) if (parameters[name] === '') return undefined;
    const { operation, needs } = store as Omit<FoundOperation, 'parameters'>;
    return { operation, needs, parameters };
  }

  /** The methods that the path answers, in order; empty for an unknown path. */
  methodsOf(path: string): string[] {
    return METHODS.filter((method) => this.find(method, path) !== undefined);
  }
}

/** Returns the path in the syntax of the router: parameters as `:name`, colons doubled. */
function patternOf(path: string): string {
  return path.replaceAll(':', '::').replaceAll(/\{(\w+)\}/g, ':$1');
}

/** The router asks for a handler, but only `find` is used. */
function notCalled(): void {
  // Requests are dispatched by their callers.
}
