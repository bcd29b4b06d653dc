/**
 * Writes the OpenAPI and the AsyncAPI document beside the modules that serve them; a step of
 * `npm run build`.
 *
 * Nest describes the controllers in its preview mode: no broker is opened, nothing listens.
 */
import 'reflect-metadata';
import { writeFileSync } from 'node:fs';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { readSettings } from './config/read-settings.js';
import { GatewayModule } from './engine/gateway.module.js';
import { PublicAddress } from './engine/public-address.js';
import { ASYNCAPI_FILE } from './http/asyncapi/async-api-document.js';
import { asyncApiDocument } from './http/asyncapi/document.js';
import { messageSchemas } from './http/asyncapi/message-schemas.js';
import { HttpFront } from './http/front/http-front.js';
import { OPENAPI_FILE } from './http/openapi/api-document.js';
import { openApiDocument } from './http/openapi/document.js';
import { openLogger } from './observability/logger.js';
import { GatewayMetrics } from './observability/metrics.js';

const read = readSettings({ SLUICE_LOG_LEVEL: 'error' });
if (!read.ok) throw new Error(read.problems.join('\n'));
const { settings } = read;
const logger = openLogger(settings);
const metrics = new GatewayMetrics();
const address = new PublicAddress(settings);
const front = new HttpFront({ ...settings, publicUrl: address.url }, metrics, logger);
const app = await NestFactory.create(
  GatewayModule.from({ settings, logger, metrics, address, front, onFenced: () => undefined }),
  new FastifyAdapter(),
  { preview: true, logger: false, abortOnError: false },
);
writeFileSync(OPENAPI_FILE, JSON.stringify(openApiDocument(app, address.documentedServer)));
writeFileSync(ASYNCAPI_FILE, JSON.stringify(asyncApiDocument(messageSchemas(app), address.url)));
process.exit();
