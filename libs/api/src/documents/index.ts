/** The documents that describe the contract; a running gateway only reads their files. */

export type { Schema } from '../schema/json-schema.js';
export type { ApiExample } from './api-example.js';
export { asyncApiDocument } from './asyncapi-document.js';
export type { AsyncApiDocumentObject } from './asyncapi-types.js';
export { EXAMPLE_TOPIC_DIGITS } from './example-parts.js';
export { API_EXAMPLES } from './examples.js';
export { EXAMPLE_PRODUCER_ID, EXAMPLE_PRODUCER_TOKEN } from './examples-records.js';
export { EXAMPLE_KEY_ID } from './examples-security.js';
export { openApiDocument } from './openapi-document.js';
export {
  type HttpMethodName,
  type MediaType,
  type OpenApiDocument,
  type OpenApiOperation,
  operationsOf,
  type Parameter,
} from './openapi-types.js';
export type { Frame } from './socket-example.js';
export { SERVER_EXAMPLES, SOCKET_EXAMPLES } from './socket-examples.js';
