import { methodsOf, type OperationSpec } from '#api';
import { pathPattern } from './path-pattern.js';

/**
 * The routes of the table of operations: a known path with another method gets 405 with `Allow`,
 * not 404.
 */
export class KnownRoutes {
  readonly #routes: readonly { readonly methods: readonly string[]; readonly path: RegExp }[];

  constructor(operations: readonly OperationSpec[]) {
    this.#routes = operations.map((operation) => ({
      methods: methodsOf(operation),
      path: pathPattern(operation.path),
    }));
  }

  /** The methods that the path answers, in order; empty for an unknown path. */
  methodsOf(path: string): string[] {
    const routes = this.#routes.filter((route) => route.path.test(path));
    return [...new Set(routes.flatMap(({ methods }) => methods))].toSorted();
  }
}
