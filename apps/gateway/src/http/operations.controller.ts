import { Controller, Header, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { type Input, type Output } from '#api';
import { GatewayMetrics, Health } from '#observability';
import { type Access, CLUSTER } from '#security';
import { CallerAccess } from './caller-access.js';
import { Serves } from './serves.js';

/** Serves health and metrics, for the operator's tools. */
@Controller()
export class OperationsController {
  readonly #health: Health;
  readonly #metrics: GatewayMetrics;

  constructor(@Inject(Health) health: Health, @Inject(GatewayMetrics) metrics: GatewayMetrics) {
    this.#health = health;
    this.#metrics = metrics;
  }

  /** Answers while the process runs and its event loop turns. */
  @Serves('live')
  @Header('Cache-Control', 'no-store')
  live(): { readonly status: 'ok' } {
    return { status: 'ok' };
  }

  /** Answers 200 while it serves data, even only a part of it; 503 once it stops. */
  @Serves('ready')
  @Header('Cache-Control', 'no-store')
  async ready(
    _input: Input<'ready'>,
    @Res({ passthrough: true }) reply: FastifyReply,
    @CallerAccess() access: Access,
  ): Promise<Output<'ready'>> {
    const report = await this.#health.readiness(access);
    if (report.status === 'stopping') reply.status(503);
    return access.may('Describe', CLUSTER) ? report : { status: report.status };
  }

  @Serves('metrics')
  @Header('Content-Type', 'text/plain; version=0.0.4; charset=utf-8')
  @Header('Cache-Control', 'no-store')
  render(_input: Input<'metrics'>, @CallerAccess() access: Access): Promise<string> {
    return this.#metrics.render(access);
  }
}
