/**
 * A gateway whose hot routes are either called by the front, as in the product, or are routes of
 * Nest's Fastify instance, which take over the raw request (ADR 0004).
 *
 *     SLUICE_PORT=8080 SLUICE_DATA_DIR=data node hot-routes-server.js front|fastify
 *
 * Both forms have the same composition, the same front for what all requests need, and the same
 * handlers. Fastify has none of the hooks of the control plane here. The front finds the operation
 * in both forms, so that the figure of Fastify contains about one microsecond too much.
 */
import 'reflect-metadata';
import type { IncomingMessage, RequestListener } from 'node:http';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  type Exchange,
  type HotRoutes,
  type PartitionTarget,
  PublicAddress,
  requestIdOf,
} from '#http-front';
import { GatewayCounts } from '#observability';
import { RenderCache } from '#record-json';
import { DataPlane } from '#record-routes';
import { SystemClock } from '#runtime';
import { readSettings } from '../../apps/gateway/src/config/read-settings.js';
import { descriptorLimit } from '../../apps/gateway/src/engine/descriptor-limit.js';
import { type Engine, openEngine } from '../../apps/gateway/src/engine/engine.js';
import { GatewayModule } from '../../apps/gateway/src/engine/gateway.module.js';
import { fitDescriptors } from '../../apps/gateway/src/engine/running-settings.js';
import { openLogger } from '../../apps/gateway/src/logging/logger.js';
import { SocketAdapter } from '../../apps/gateway/src/ws/socket.adapter.js';

const PRODUCE = '/v1/topics/:topic/records';
const FETCH = '/v1/topics/:topic/partitions/:partition/records';

const isFastify = process.argv[2] === 'fastify';
const exchanges = new WeakMap<IncomingMessage, Exchange>();
/** The handlers of the product, which Fastify's routes call. */
const produce = Reflect.get<HotRoutes, 'produce'>(DataPlane.prototype, 'produce');
const fetch = Reflect.get<HotRoutes, 'fetch'>(DataPlane.prototype, 'fetch');
let passOn: RequestListener = () => undefined;

if (isFastify) passHotRoutesOn();
const stop = await start();
process.once('SIGTERM', () => void stop().then(() => process.exit(0)));

/** Lets the front pass the requests of hot routes on to Fastify, with their exchange. */
function passHotRoutesOn(): void {
  const pass = (exchange: Exchange): void => {
    const { request, response } = exchange;
    exchanges.set(request, exchange);
    passOn(request, response);
  };
  Object.assign(DataPlane.prototype, { produce: pass, fetch: pass });
}

/** @returns stops the gateway */
async function start(): Promise<() => Promise<void>> {
  const read = readSettings(process.env);
  if (!read.ok) throw new Error(read.problems.join('\n'));
  const { settings } = fitDescriptors(read.settings, descriptorLimit());
  const address = new PublicAddress(settings);
  const logger = openLogger(settings);
  const counts = new GatewayCounts();
  const engine = await openEngine({ settings, logger, counts, address, onFenced: () => undefined });
  const adapter = adapterFor(engine);
  const app = await NestFactory.create<NestFastifyApplication>(
    GatewayModule.from(engine),
    adapter,
    { logger: false, bodyParser: false },
  );
  app.useWebSocketAdapter(new SocketAdapter(engine.sockets));
  const { delivery } = engine;
  const renderCache = new RenderCache(settings.renderCacheBytes);
  const parts = { delivery, renderCache, clock: new SystemClock() };
  if (isFastify) addHotRoutes(adapter, new DataPlane(parts, settings));
  await app.init();
  await app.listen({ port: settings.port, host: settings.host });
  return async () => {
    engine.delivery.close();
    engine.broker.endWaits();
    await Promise.all([engine.front.close(), engine.sockets.close(0)]);
    await engine.memberships.close();
    await app.close();
    await engine.security.metadata?.close();
    await engine.broker.close();
  };
}

function adapterFor({ front }: Engine): FastifyAdapter {
  return new FastifyAdapter({
    genReqId: requestIdOf,
    serverFactory: (handler: RequestListener) => {
      passOn = handler;
      return front.createServer(handler);
    },
  });
}

function addHotRoutes(adapter: FastifyAdapter, plane: DataPlane): void {
  const fastify = adapter.getInstance();
  const neverCalled = (): void => undefined;
  fastify.route<{ Params: { topic: string } }>({
    method: 'POST',
    url: PRODUCE,
    onRequest: (request, reply) => {
      reply.hijack();
      answered(request.raw, (exchange) => {
        produce.call(plane, exchange, request.params.topic, 'any');
      });
    },
    handler: neverCalled,
  });
  fastify.route<{ Params: { topic: string; partition: string } }>({
    method: 'GET',
    url: FETCH,
    onRequest: (request, reply) => {
      reply.hijack();
      const { topic, partition } = request.params;
      const target: PartitionTarget = { topic, partition: Number(partition), form: 'any' };
      answered(request.raw, (exchange) => {
        fetch.call(plane, exchange, target);
      });
    },
    handler: neverCalled,
  });
}

/** Calls a handler as the front does: an error before the answer becomes the answer. */
function answered(request: IncomingMessage, handle: (exchange: Exchange) => void): void {
  const exchange = exchanges.get(request);
  if (exchange === undefined) throw new Error('the front has passed no exchange on');
  try {
    handle(exchange);
  } catch (error) {
    exchange.fail(error);
  }
}
