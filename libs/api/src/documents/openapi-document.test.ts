import { expect, test } from 'vitest';
import { ALL_OPERATIONS } from '../rest/operations.js';
import { openApiDocument } from './openapi-document.js';

test('every operation is described with its parameters, answers and errors', () => {
  const { paths } = openApiDocument('http://127.0.0.1:8080');
  const documented = ALL_OPERATIONS.filter(({ isUndocumented }) => isUndocumented !== true);
  for (const { id, method, path, answers, errors } of documented) {
    const operation = Object.entries(paths[path] ?? {}).find(
      ([name]) => name === method.toLowerCase(),
    )?.[1];
    expect(operation, id).toMatchObject({ operationId: id });
    const described = JSON.stringify(operation);
    for (const status of Object.keys(answers)) expect(described).toContain(`"${status}":`);
    for (const code of errors) expect(described, `${id} ${code}`).toContain(code);
  }
});

test('a schema has one type beside null, because generators refuse a list of types', () => {
  const found: unknown[] = [];
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    const { type } = node as { readonly type?: unknown };
    if (Array.isArray(type) && type.filter((one) => one !== 'null').length > 1) found.push(type);
    for (const child of Object.values(node)) visit(child);
  };
  visit(openApiDocument('http://127.0.0.1:8080'));
  expect(found).toEqual([]);
});
