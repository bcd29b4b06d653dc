import { maxHeaderSize, type RequestListener, type Server } from 'node:http';
import { NotFoundException } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type {
  FastifyHttpOptions,
  FastifyReply,
  FastifyRequest,
  HookHandlerDoneFunction,
} from 'fastify';
import { FrameworkRequest, requestIdOf } from '#http-front';
import type { GatewayCounts } from '#observability';
import type { DocumentLimits } from '#record-json';
import type { Settings } from '../config/settings.js';
import type { ProcessLogger } from '../logging/logger.js';
import { serializeInSlices } from './answer-in-slices.js';
import { ignoreHeadersOfAbsentBody } from './body-presence.js';
import { compressAnswer } from './compress-answer.js';
import { BODY_TYPE, parseReceivedBody, receiveBody } from './control-body.js';
import type { ProblemFilter } from './problem.filter.js';
import { operationOf } from './serves.js';
import { countControlAnswer } from './unreceived-control-answer.js';

/** A ticket that came to an operation without tickets is not used yet. */
const TICKET_IN_URL = /([?&]ticket=)[^&]*/g;

export interface ControlPlaneOptions {
  readonly settings: Pick<Settings, 'controlBytesMax' | 'requestBytesMax' | 'compression'> &
    DocumentLimits;
  readonly filter: ProblemFilter;
  readonly counts: GatewayCounts;
  readonly logger: ProcessLogger;
  /**
   * Creates the server around Fastify's handler, which gets the requests that the front does not
   * serve.
   */
  readonly serve: (handler: RequestListener) => Server;
}

/** Fastify as Nest's HTTP adapter, with the hooks of every route outside the data plane. */
export function controlPlaneAdapter(options: ControlPlaneOptions): FastifyAdapter {
  const { settings, filter } = options;
  const fastifyOptions: FastifyHttpOptions<Server> = {
    bodyLimit: Math.min(settings.controlBytesMax, settings.requestBytesMax),
    genReqId: requestIdOf,
    serverFactory: (handler) => options.serve(handler),
    // The front answers data that is not HTTP.
    clientErrorHandler: () => undefined,
    frameworkErrors: (error, request, reply) => filter.answer(error, request, reply),
    // The stop answers requests that came over open connections; see engine/gateway.ts.
    return503OnClosing: false,
    // A long name gets its own error, and not that of the router.
    routerOptions: { maxParamLength: maxHeaderSize },
  };
  const adapter = new FastifyAdapter(fastifyOptions);
  acceptJsonBodies(adapter, settings);
  observe(adapter, options);
  return adapter;
}

function acceptJsonBodies(adapter: FastifyAdapter, limits: DocumentLimits): void {
  const fastify = adapter.getInstance();
  fastify.addHook('onRequest', refuseUnserved);
  fastify.addHook('onRequest', ignoreHeadersOfAbsentBody);
  fastify.addHook('preParsing', receiveBody);
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser(BODY_TYPE, parseReceivedBody(limits));
}

function observe(adapter: FastifyAdapter, options: ControlPlaneOptions): void {
  const { logger, counts, settings } = options;
  const fastify = adapter.getInstance();
  const seriesByRoute = new Map<string, number>();
  const refused = counts.routeSeries('refused');
  fastify.addHook('onRoute', (route) => {
    for (const method of [route.method].flat()) {
      const path = route.url.replace(/:(\w+)/g, '{$1}');
      seriesByRoute.set(`${method} ${route.url}`, counts.routeSeries(`${method} ${path}`));
    }
  });
  fastify.addHook('onRequest', (request, reply, done) => {
    reply.header('X-Request-Id', request.id);
    done();
  });
  // These hooks end at once where they can: Nest awaits an answer, and Fastify watches the response
  // of one that is awaited before it was sent.
  fastify.addHook('preSerialization', serializeInSlices);
  fastify.addHook('onSend', endJsonWithNewline);
  if (settings.compression !== 'off') fastify.addHook('onSend', compressAnswer);
  fastify.addHook('onSend', countControlAnswer);
  fastify.addHook('onResponse', (request, reply, done) => {
    const series = seriesByRoute.get(`${request.method} ${request.routeOptions.url}`) ?? refused;
    counts.controlRequestEnded(series, reply.elapsedTime);
    if (logger.isLevelEnabled('debug')) logger.debug(accessOf(request, reply), 'request answered');
    done();
  });
}

/**
 * Refuses a request for an operation that its listener does not serve, or whose path the front read
 * in another way: the front checked the permissions of what it found.
 */
function refuseUnserved(
  request: FastifyRequest,
  _reply: FastifyReply,
  done: HookHandlerDoneFunction,
): void {
  const routed = operationOf(request);
  const found = FrameworkRequest.of(request.raw)?.operation;
  const isSame = routed?.path === found?.path && routed?.method === found?.method;
  done(isSame || routed === undefined ? undefined : new NotFoundException());
}

/** Ends JSON with a newline, so that a terminal shows its prompt below the answer. */
function endJsonWithNewline(
  _request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: (error: null, payload: unknown) => void,
): void {
  const type = String(reply.getHeader('Content-Type') ?? '');
  const isText = typeof payload === 'string' && type.startsWith('application/json');
  done(null, isText && !payload.endsWith('\n') ? `${payload}\n` : payload);
}

function accessOf(request: FastifyRequest, reply: FastifyReply): object {
  return {
    requestId: request.id,
    method: request.method,
    url: request.raw.url?.replace(TICKET_IN_URL, '$1***'),
    status: reply.statusCode,
    durationMs: Math.round(reply.elapsedTime * 1000) / 1000,
  };
}
