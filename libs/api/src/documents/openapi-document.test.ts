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
