import 'reflect-metadata';
import { RequestMethod } from '@nestjs/common';
import { expect, test } from 'vitest';
import { ALL_OPERATIONS, type OperationSpec } from '#api';
import { GatewayModule } from './gateway.module.js';

interface ServedRoute {
  readonly operation: OperationSpec | undefined;
  readonly method: string | undefined;
  readonly path: unknown;
}

type Controller = new (...parts: never[]) => object;

const controllers = Reflect.getMetadata('controllers', GatewayModule) as readonly Controller[];
const served = controllers.flatMap(routesOf);

test('each operation outside the data plane is served by one method', () => {
  const expected = ALL_OPERATIONS.filter(({ plane }) => plane !== 'data');
  const names = served.map(({ operation }) => nameOf(operation));
  expect(names.toSorted()).toEqual(expected.map(nameOf).toSorted());
});

test('no controller has a route of its own, beside the table', () => {
  for (const { operation, method, path } of served) {
    expect([method, path]).toEqual([
      operation?.method,
      operation?.path.replace(/\{(\w+)\}/g, ':$1'),
    ]);
  }
  const prefixes = controllers.map((each) => Reflect.getMetadata('path', each) as unknown);
  expect(new Set(prefixes)).toEqual(new Set(['/']));
});

/** Returns the routes that Nest binds to the methods of a controller. */
function routesOf({ prototype }: Controller): ServedRoute[] {
  const methods = Object.getOwnPropertyNames(prototype)
    .filter((name) => name !== 'constructor')
    .map((name) => (prototype as Readonly<Record<string, object>>)[name] as object);
  return methods
    .filter((method) => Reflect.hasMetadata('path', method))
    .map((method) => {
      const config = Reflect.getMetadata('__fastify_route_config__', method) as
        | { readonly operation?: OperationSpec }
        | undefined;
      const verb = Reflect.getMetadata('method', method) as RequestMethod;
      return {
        operation: config?.operation,
        method: RequestMethod[verb],
        path: Reflect.getMetadata('path', method) as unknown,
      };
    });
}

function nameOf(operation: OperationSpec | undefined): string {
  return `${operation?.method} ${operation?.path}`;
}
