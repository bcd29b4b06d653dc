import type { ApiExample } from './api-example.js';
import { answers, json, problem } from './example-parts.js';

/** The id of the key in the examples; a real one is generated. */
export const EXAMPLE_KEY_ID = 'k3jq7m2xwz5anbcd';

const KEY = {
  id: EXAMPLE_KEY_ID,
  name: 'billing service',
  groups: ['services'],
  createdAt: 1_750_000_000_000,
  expiresAt: null,
};

const NEW_KEY = { ...KEY, key: `${EXAMPLE_KEY_ID}.0pKcW3m1q6r0dE5jYzX2vB8nT4uHsAfLgQiOeRtYuIo` };

const RULE = {
  principal: 'group:services',
  resourceType: 'topic',
  resourceName: 'orders',
  patternType: 'literal',
  operation: 'Read',
  permission: 'allow',
};

export const SECURITY_EXAMPLES: readonly ApiExample[] = [
  {
    name: 'root',
    operationId: 'whoami',
    summary: 'The key of SLUICE_BOOTSTRAP_API_KEY',
    request: {},
    response: answers(200, {
      auth: 'on',
      principal: 'key:root',
      groups: [],
      superUser: true,
      expiresAt: null,
      allowed: [],
      denied: [],
    }),
  },
  {
    name: 'browser',
    operationId: 'createTicket',
    summary: 'A ticket for the WebSocket of a page',
    request: {},
    response: answers(201, {
      ticket: '1.q0Xn3vY8mJtR5wKzA1bC7dE2fG4hI6jL9oP0sU3xW5y',
      expiresAt: 1_750_000_030_000,
    }),
  },
  {
    name: 'service',
    operationId: 'createApiKey',
    summary: 'A key whose principal is in a group',
    request: { body: json({ name: 'billing service', groups: ['services'] }) },
    response: answers(201, NEW_KEY),
  },
  {
    name: 'past',
    operationId: 'createApiKey',
    summary: 'A time in the past',
    request: { body: json({ name: 'billing service', expiresAt: 1 }) },
    response: problem({
      code: 'INVALID_REQUEST',
      detail: '/expiresAt: must be a time in the future.',
      instance: '/v1/api-keys',
      isWrite: true,
      faults: [{ pointer: '/expiresAt', detail: 'must be a time in the future' }],
    }),
  },
  {
    name: 'all',
    operationId: 'listApiKeys',
    summary: 'All keys',
    request: {},
    response: answers(200, { keys: [KEY], nextAfter: null }),
  },
  {
    name: 'overlap',
    operationId: 'rotateApiKey',
    summary: 'A new secret; the one before it is valid for an hour more',
    request: { path: { id: EXAMPLE_KEY_ID }, body: json({ overlapSeconds: 3600 }) },
    response: answers(200, NEW_KEY),
  },
  {
    name: 'unknown',
    operationId: 'rotateApiKey',
    summary: 'No such key',
    request: { path: { id: 'nobody' } },
    response: problem({
      code: 'RESOURCE_NOT_FOUND',
      detail: 'There is no API key "nobody".',
      instance: '/v1/api-keys/nobody/rotate',
      isWrite: true,
    }),
  },
  {
    name: 'revoke',
    operationId: 'deleteApiKey',
    summary: 'Revoke a key on all brokers',
    request: { path: { id: EXAMPLE_KEY_ID } },
    response: answers(200, { appliedBy: [0], missing: [] }),
  },
  {
    name: 'read',
    operationId: 'createAcls',
    summary: 'Let a group read a topic',
    request: { body: json({ acls: [RULE] }) },
    response: answers(200, { acls: [RULE] }),
  },
  {
    name: 'cluster',
    operationId: 'createAcls',
    summary: 'The cluster has one name',
    request: {
      body: json({ acls: [{ ...RULE, resourceType: 'cluster', resourceName: 'other' }] }),
    },
    response: problem({
      code: 'INVALID_REQUEST',
      detail: '/acls/0/resourceName: must be the literal name "cluster".',
      instance: '/v1/acls',
      isWrite: true,
      faults: [{ pointer: '/acls/0/resourceName', detail: 'must be the literal name "cluster"' }],
    }),
  },
  {
    name: 'ofGroup',
    operationId: 'listAcls',
    summary: 'The rules of a group',
    request: { query: { principal: 'group:services' } },
    response: answers(200, { acls: [RULE], nextAfter: null }),
  },
  {
    name: 'ofGroup',
    operationId: 'deleteAcls',
    summary: 'Remove the rules of a group',
    request: { query: { principal: 'group:services' } },
    response: answers(200, { acls: [RULE] }),
  },
  {
    name: 'everyone',
    operationId: 'setQuota',
    summary: 'A limit for all principals without a quota of their own',
    request: { path: { principal: 'default' }, body: json({ producer_byte_rate: 10_000_000 }) },
    response: answers(200, { principal: 'default', producer_byte_rate: 10_000_000 }),
  },
  {
    name: 'service',
    operationId: 'describeQuota',
    summary: 'The quota of `default` applies',
    request: { path: { principal: `key:${EXAMPLE_KEY_ID}` } },
    response: answers(200, { principal: `key:${EXAMPLE_KEY_ID}`, producer_byte_rate: 10_000_000 }),
  },
  {
    name: 'everyone',
    operationId: 'deleteQuota',
    summary: 'Remove the limit',
    request: { path: { principal: 'default' } },
    response: { status: 204 },
  },
];
