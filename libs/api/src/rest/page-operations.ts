import type { Schema } from '../schema/json-schema.js';
import type { OperationSpecs } from './operation.js';

const TEXT: Schema = { type: 'string' };

/** Pages and documents are public, and the OpenAPI document omits them. */
const PAGE = {
  method: 'GET',
  plane: 'operator',
  tag: 'cluster',
  needs: [{ resource: 'none' }],
  errors: [],
  isUndocumented: true,
} as const;

/** Pages for people, and the documents of the API. */
export const PAGE_OPERATIONS = {
  tryPage: {
    ...PAGE,
    path: '/try',
    summary: 'Page that shows a topic live',
    answers: { 200: { description: 'Page that shows a topic live.', body: { 'text/html': TEXT } } },
    entryPoint: { name: 'try', description: 'Page that shows a topic live.' },
  },
  tryAsset: {
    ...PAGE,
    path: '/try/{file}',
    summary: 'File of the page that shows a topic live',
    answers: {
      200: {
        description: 'File of the page that shows a topic live.',
        body: { 'application/octet-stream': TEXT },
      },
    },
  },
  docsPage: {
    ...PAGE,
    path: '/docs',
    summary: 'Page with every operation',
    answers: { 200: { description: 'Page with every operation.', body: { 'text/html': TEXT } } },
    entryPoint: { name: 'docs', description: 'Page with every operation.' },
  },
  openapiDocument: {
    ...PAGE,
    path: '/openapi.json',
    summary: 'OpenAPI document of the HTTP API',
    answers: {
      200: { description: 'OpenAPI document of the HTTP API.', body: { 'application/json': TEXT } },
    },
    entryPoint: { name: 'openapi', description: 'OpenAPI document of the HTTP API.' },
  },
  asyncapiDocument: {
    ...PAGE,
    path: '/asyncapi.json',
    summary: 'AsyncAPI document of the WebSocket',
    answers: {
      200: {
        description: 'AsyncAPI document of the WebSocket.',
        body: { 'application/json': TEXT },
      },
    },
    entryPoint: { name: 'asyncapi', description: 'AsyncAPI document of the WebSocket.' },
  },
  docsScript: {
    ...PAGE,
    path: '/docs/start.js',
    summary: 'Script of the page with every operation',
    answers: {
      200: {
        description: 'Script of the page with every operation.',
        body: { 'text/javascript': TEXT },
      },
    },
  },
  docsAsset: {
    ...PAGE,
    path: '/docs/{file}',
    summary: 'File of the page with every operation',
    answers: {
      200: {
        description: 'File of the page with every operation.',
        body: { 'application/octet-stream': TEXT },
      },
    },
  },
} as const satisfies OperationSpecs;
