import { expect, test } from 'vitest';
import { ALL_OPERATIONS } from './operations.js';
import { PATH_PARAMETERS, parametersOfPath } from './path-parameters.js';

test('no two operations have the same method and path', () => {
  const names = ALL_OPERATIONS.map(
    ({ method, path }) => `${method} ${path.replace(/\{\w+\}/g, '{}')}`,
  );
  expect(new Set(names).size).toBe(names.length);
});

test('exactly the operations of the data plane have a handler in the front', () => {
  for (const { id, plane, route } of ALL_OPERATIONS) {
    expect(route !== undefined, id).toBe(plane === 'data');
  }
});

test('every operation declares the permission that it needs, and describes its path', () => {
  for (const { id, path, needs } of ALL_OPERATIONS) {
    expect(needs.length, id).toBeGreaterThan(0);
    for (const name of parametersOfPath(path)) expect(PATH_PARAMETERS, id).toHaveProperty(name);
  }
});

test('every operation of the contract may be refused for its request and for a bug', () => {
  for (const { id, plane, errors } of ALL_OPERATIONS) {
    if (plane === 'operator') continue;
    expect(errors, id).toContain('INVALID_REQUEST');
    expect(errors, id).toContain('UNKNOWN_SERVER_ERROR');
  }
});
