import { Controller, Get, Header, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Health, type ReadinessReport } from '../observability/health.js';
import { GatewayMetrics } from '../observability/metrics.js';

/** For the operator's tools: health and metrics. */
@Controller()
export class OperationsController {
  constructor(
    @Inject(Health) private readonly health: Health,
    @Inject(GatewayMetrics) private readonly metrics: GatewayMetrics,
  ) {}

  /** The process runs and its event loop turns. */
  @Get('health/live')
  @Header('Cache-Control', 'no-store')
  live(): { readonly status: 'ok' } {
    return { status: 'ok' };
  }

  /** 200 while it serves data, in part too; 503 once it stops. */
  @Get('health/ready')
  @Header('Cache-Control', 'no-store')
  ready(@Res({ passthrough: true }) reply: FastifyReply): ReadinessReport {
    const report = this.health.readiness();
    if (report.status === 'stopping') reply.status(503);
    return report;
  }

  @Get('metrics')
  @Header('Content-Type', 'text/plain; version=0.0.4; charset=utf-8')
  @Header('Cache-Control', 'no-store')
  render(): Promise<string> {
    return this.metrics.render();
  }
}
