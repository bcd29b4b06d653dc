import { methodsOf, type OperationSpec } from '#api';

/**
 * The routes of the table of operations: a known path with another method gets 405 with `Allow`,
 * not 404.
 */
export class KnownRoutes {
  readonly #routes: readonly { readonly methods: readonly string[]; readonly path: RegExp }[];

  constructor(operations: readonly OperationSpec[]) {
    this.#routes = operations.map((operation) => ({
      methods: methodsOf(operation),
      path: patternOf(operation.path),
    }));
  }

  /** The methods that the path answers, in order; empty for an unknown path. */
  methodsOf(path: string): string[] {
    const routes = this.#routes.filter((route) => route.path.test(path));
    return [...new Set(routes.flatMap(({ methods }) => methods))].toSorted();
  }
}

function patternOf(path: string): RegExp {
  const segments = path.split('/');
  const patterns = segments.map((each) => (each.startsWith('{') ? '[^/]+' : escapeForRegExp(each)));
  return new RegExp(`^${patterns.join('/')}$`);
}

function escapeForRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
