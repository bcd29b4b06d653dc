/** Every route of the gateway: a known path with another method gets 405 with `Allow`, not 404. */
export class KnownRoutes {
  readonly #routes: { readonly method: string; readonly path: RegExp }[] = [];

  /** @param path with its parameters as `:name` (Fastify) or `{name}` (OpenAPI) */
  add(method: string, path: string): void {
    const pattern = path
      .split('/')
      .map((segment) => (/^(:|\{)/.test(segment) ? '[^/]+' : escapeForRegExp(segment)))
      .join('/');
    this.#routes.push({ method, path: new RegExp(`^${pattern}$`) });
  }

  /** The methods that the path answers, in order; empty for an unknown path. */
  methodsOf(path: string): string[] {
    const methods = this.#routes.filter((route) => route.path.test(path));
    return [...new Set(methods.map((route) => route.method))].toSorted();
  }
}

function escapeForRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
