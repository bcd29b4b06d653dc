/**
 * Writes the OpenAPI and the AsyncAPI document beside the modules that serve them; a step of
 * `npm run build`. The gateway fills in its own address when it serves them.
 */
import { writeFileSync } from 'node:fs';
import { asyncApiDocument, openApiDocument } from '#api/documents';
import { OPENAPI_FILE } from './http/api-document.js';
import { ASYNCAPI_FILE } from './http/async-api-document.js';

writeFileSync(OPENAPI_FILE, JSON.stringify(openApiDocument('/')));
writeFileSync(ASYNCAPI_FILE, JSON.stringify(asyncApiDocument('http://127.0.0.1:8080')));
