/** Requests that an OpenAPI document allows and forbids, generated from the document itself. */
import {
  type HttpMethodName,
  type OpenApiDocument,
  type OpenApiOperation,
  operationsOf,
  type Parameter,
  type Schema,
} from '#api/documents';

/** One request to an operation. */
export interface DocumentRequest {
  readonly method: HttpMethodName;
  readonly operation: OpenApiOperation;
  /** The special property of the request, for messages. */
  readonly what: string;
  readonly path: string;
  readonly query: readonly (readonly [string, string])[];
  readonly headers: Readonly<Record<string, string>>;
  /** JSON, or bytes as text; undefined without a body. */
  readonly body?: string;
}

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** Existing values for the path, and for required parameters without an example. */
export type Values = Readonly<Record<string, string>>;

export class DocumentRequests {
  readonly #document: OpenApiDocument;
  readonly #values: Values;

  constructor(document: OpenApiDocument, values: Values) {
    this.#document = document;
    this.#values = values;
  }

  /**
   * Yields plain requests, with an unknown parameter if those are ignored; each optional parameter
   * at its bounds and choices; all defaults together.
   */
  *allowed(): Generator<DocumentRequest> {
    for (const base of this.#plain()) {
      yield base;
      if (!base.path.startsWith('/v1/')) {
        yield { ...base, what: '?nonsense=1', query: [['nonsense', '1']] };
      }
      const optional = parametersOf(base.operation, 'query');
      const defaults = optional.flatMap(({ name, schema }) =>
        defaultOf(schema ?? {}).map((value) => [name, value] as const),
      );
      yield { ...base, what: 'every default explicitly', query: merged(base.query, defaults) };
      for (const { name, schema } of optional) {
        for (const value of boundsOf(schema ?? {})) {
          const query = merged(base.query, [[name, String(value)]]);
          yield { ...base, what: `?${name}=${String(value)}`, query };
        }
      }
    }
  }

  /** Yields requests with one violation of the document. */
  *forbidden(): Generator<DocumentRequest> {
    for (const base of this.#plain()) {
      // Health, metrics and documents ignore the query.
      if (base.path.startsWith('/v1/')) {
        yield { ...base, what: '?nonsense=1', query: [...base.query, ['nonsense', '1']] };
      }
      yield* this.#wrongPaths(base);
      yield* wrongQueries(base);
      yield* wrongHeaders(base);
      yield* this.#wrongBodies(base);
    }
  }

  /** Yields a request to each operation with only the required members. */
  *#plain(): Generator<DocumentRequest> {
    for (const { path, method, operation } of operationsOf(this.#document)) {
      const query = parametersOf(operation, 'query')
        .filter(({ required }) => required === true)
        .map(({ name }) => [name, this.#values[name] ?? '0'] as const);
      const [contentType, media] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
      const isJson = contentType === 'application/json';
      const value = JSON.stringify(isJson ? this.#minimal(media?.schema ?? {}) : { value: 1 });
      yield {
        method,
        operation,
        what: 'what is required',
        path: path.replace(/\{(\w+)\}/g, (_, name: string) => this.#values[name] ?? name),
        query,
        headers: contentType === undefined ? {} : { 'Content-Type': contentType },
        ...(contentType === undefined ? {} : { body: value }),
      };
    }
  }

  *#wrongPaths(base: DocumentRequest): Generator<DocumentRequest> {
    const partition = parametersOf(base.operation, 'path').find(({ name }) => name === 'partition');
    for (const value of partition === undefined ? [] : beyondOf(partition.schema ?? {})) {
      const path = base.path.replace(/\/partitions\/[^/]+/, `/partitions/${value}`);
      yield { ...base, what: `partition ${value} in the path`, path };
    }
  }

  *#wrongBodies(base: DocumentRequest): Generator<DocumentRequest> {
    const { requestBody } = base.operation;
    const schema = requestBody?.content['application/json']?.schema;
    if (requestBody === undefined || schema === undefined) return;
    if (requestBody.required === true) {
      const { body: _, ...absent } = base;
      yield { ...absent, what: 'no body' };
    }
    const value = this.#minimal(schema);
    for (const [what, wrong] of this.#wrongValues(schema, value, 'the body')) {
      yield { ...base, what, body: JSON.stringify(wrong) };
    }
  }

  /** Returns the smallest value of a schema, with existing names. */
  #minimal(schema: Schema, name = ''): Json {
    const { type, ...rest } = this.#resolved(schema);
    const kind = Array.isArray(type) ? type[0] : type;
    if (kind === 'object') {
      const required = (rest['required'] as string[] | undefined) ?? [];
      const members = propertiesOf(rest);
      const names = required.filter((each) => members[each] !== undefined);
      const entries = names.map(
        (each) => [each, this.#minimal(members[each] ?? {}, each)] as const,
      );
      return { ...Object.fromEntries(entries), ...this.#needed(names, members) };
    }
    if (kind === 'array') return [this.#minimal((rest['items'] as Schema) ?? {}, name)];
    if (kind === 'integer') return Number(this.#values[name] ?? rest['minimum'] ?? 0);
    const [choice] = (rest['anyOf'] as Schema[] | undefined) ?? [];
    if (choice !== undefined) return this.#minimal(choice, name);
    const [word = 'x'] = (rest['enum'] as string[] | undefined) ?? [];
    return this.#values[name] ?? word;
  }

  /** A record requires a value, which a list of required members cannot express. */
  #needed(names: readonly string[], members: Readonly<Record<string, Schema>>): { value?: Json } {
    return names.length < 2 && members['valueBase64'] !== undefined ? { value: 1 } : {};
  }

  /** Yields copies of a value with one fault, and its description. */
  *#wrongValues(schema: Schema, value: Json, where: string): Generator<readonly [string, Json]> {
    const resolved = this.#resolved(schema);
    for (const wrong of wrongOf(resolved)) yield [`${where} is ${JSON.stringify(wrong)}`, wrong];
    if (resolved['type'] === 'array' && Array.isArray(value)) {
      const items = (resolved['items'] ?? {}) as Schema;
      const [first = null] = value as Json[];
      for (const [what, wrong] of this.#wrongValues(items, first, `${where}/0`))
        yield [what, [wrong]];
      return;
    }
    if (resolved['type'] !== 'object' || !isObject(value)) return;
    yield* this.#wrongMembers(resolved, value, where);
  }

  *#wrongMembers(
    schema: Schema,
    value: Readonly<Record<string, Json>>,
    where: string,
  ): Generator<readonly [string, Json]> {
    const required = (schema['required'] ?? []) as string[];
    for (const name of required) {
      const { [name]: _, ...others } = value;
      yield [`${where} without ${name}`, others];
    }
    if (schema['additionalProperties'] === false || schema['properties'] !== undefined) {
      yield [`${where} with an unknown member`, { ...value, nonsense: 1 }];
    }
    for (const [name, member] of Object.entries(propertiesOf(schema))) {
      if (this.#resolved(member)['readOnly'] === true) continue;
      const present = value[name] ?? this.#minimal(member, name);
      for (const [what, wrong] of this.#wrongValues(member, present, `${where}/${name}`)) {
        yield [what, { ...value, [name]: wrong }];
      }
    }
  }

  #resolved(schema: Schema): Schema {
    const reference = schema['$ref'];
    if (typeof reference !== 'string') return schema;
    const found = this.#document.components.schemas[reference.split('/').at(-1) ?? ''];
    if (found === undefined) throw new Error(`the document has no ${reference}`);
    return this.#resolved(found);
  }
}

function* wrongQueries(base: DocumentRequest): Generator<DocumentRequest> {
  for (const { name, required, schema } of parametersOf(base.operation, 'query')) {
    for (const value of beyondOf(schema ?? {})) {
      const query = merged(base.query, [[name, value]]);
      yield { ...base, what: `?${name}=${value}`, query };
    }
    const twice = base.query.find(([known]) => known === name)?.[1] ?? exampleOf(schema ?? {});
    const others = base.query.filter(([known]) => known !== name);
    yield { ...base, what: `?${name} twice`, query: [...others, [name, twice], [name, twice]] };
    if (required === true) yield { ...base, what: `no ?${name}`, query: others };
  }
}

/** The headers of a producer belong together: each is wrong beside two right ones. */
function* wrongHeaders(base: DocumentRequest): Generator<DocumentRequest> {
  const numbers = parametersOf(base.operation, 'header').filter(
    ({ schema }) => schema?.['type'] === 'integer',
  );
  const right = Object.fromEntries(numbers.map(({ name }) => [name, '0']));
  for (const { name, schema } of numbers) {
    for (const value of beyondOf(schema ?? {})) {
      const headers = { ...base.headers, ...right, [name]: value };
      yield { ...base, what: `${name}: ${value}`, headers };
    }
  }
}

function parametersOf(operation: OpenApiOperation, place: Parameter['in']): readonly Parameter[] {
  return (operation.parameters ?? []).filter((parameter) => parameter.in === place);
}

/** Returns the bounds, the choices and the truth values of a schema. */
function boundsOf(schema: Schema): readonly (boolean | number | string)[] {
  if (schema['type'] === 'boolean') return [true, false];
  if (Array.isArray(schema['enum'])) return schema['enum'] as string[];
  return [schema['minimum'], schema['maximum']].filter((bound) => typeof bound === 'number');
}

/** Returns texts outside a schema's values; empty if every text is valid. */
function beyondOf(schema: Schema): readonly string[] {
  const { type, minimum, maximum } = schema;
  if (type === 'integer') {
    const beyond = [minimum, maximum].flatMap((bound, index) =>
      typeof bound === 'number' ? [String(BigInt(bound) + (index === 0 ? -1n : 1n))] : [],
    );
    return [...beyond, 'x', '1.5'];
  }
  return type === 'boolean' || schema['enum'] !== undefined || schema['pattern'] !== undefined
    ? ['nonsense']
    : [];
}

function defaultOf({ default: value }: Schema): readonly string[] {
  return typeof value === 'object' || value === undefined
    ? []
    : [JSON.stringify(value).replaceAll('"', '')];
}

function exampleOf(schema: Schema): string {
  return String(boundsOf(schema)[0] ?? 'x');
}

/** Returns JSON outside a schema's values; empty if any JSON is valid. */
function wrongOf(schema: Schema): readonly Json[] {
  const { type, minimum, maximum } = schema;
  const kinds = [type].flat();
  const others: readonly (readonly [string, Json])[] = [
    ['string', 'x'],
    ['object', {}],
    ['array', []],
    ['boolean', true],
    ['integer', 1],
    ['null', null],
  ];
  if (type === undefined) return [];
  const wrong = others.filter(([kind]) => !kinds.includes(kind)).map(([, value]) => value);
  if (kinds.includes('integer')) {
    wrong.push(1.5);
    if (typeof minimum === 'number') wrong.push(minimum - 1);
    if (typeof maximum === 'number' && maximum < Number.MAX_SAFE_INTEGER) wrong.push(maximum + 1);
  }
  if (kinds.includes('array') && Number(schema['minItems'] ?? 0) > 0) wrong.push([]);
  if (schema['enum'] !== undefined || schema['pattern'] !== undefined) wrong.push('not acceptable');
  return wrong;
}

function propertiesOf(schema: Readonly<Record<string, unknown>>): Readonly<Record<string, Schema>> {
  return (schema['properties'] ?? {}) as Readonly<Record<string, Schema>>;
}

function isObject(value: Json): value is Readonly<Record<string, Json>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns the first pairs, with those of the second in their places. */
function merged(
  first: DocumentRequest['query'],
  second: DocumentRequest['query'],
): DocumentRequest['query'] {
  const names = new Set(second.map(([name]) => name));
  return [...first.filter(([name]) => !names.has(name)), ...second];
}
