import { Controller, Get, Header, Inject, Res } from '@nestjs/common';
import {
  ApiOkResponse,
  ApiOperation,
  ApiServiceUnavailableResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Health, type ReadinessReport } from '../observability/health.js';
import { GatewayMetrics } from '../observability/metrics.js';

import { LivenessDto, ReadinessDto } from './dto/health.dto.js';

/** Serves health and metrics, for the operator's tools. */
@ApiTags('cluster')
@Controller()
export class OperationsController {
  readonly #health: Health;
  readonly #metrics: GatewayMetrics;

  constructor(@Inject(Health) health: Health, @Inject(GatewayMetrics) metrics: GatewayMetrics) {
    this.#health = health;
    this.#metrics = metrics;
  }

  /** Answers while the process runs and its event loop turns. */
  @Get('health/live')
  @ApiOperation({ operationId: 'live', summary: 'Check that the process runs' })
  @ApiOkResponse({ type: LivenessDto, description: 'The process runs.' })
  @Header('Cache-Control', 'no-store')
  live(): { readonly status: 'ok' } {
    return { status: 'ok' };
  }

  /** Answers 200 while it serves data, even only a part of it; 503 once it stops. */
  @Get('health/ready')
  @ApiOperation({ operationId: 'ready', summary: 'Check that the broker serves requests' })
  @ApiOkResponse({
    type: ReadinessDto,
    description: 'The broker serves, possibly only a part of its partitions.',
  })
  @ApiServiceUnavailableResponse({ type: ReadinessDto, description: 'The broker is stopping.' })
  @Header('Cache-Control', 'no-store')
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<ReadinessReport> {
    const report = await this.#health.readiness();
    if (report.status === 'stopping') reply.status(503);
    return report;
  }

  @Get('metrics')
  @ApiOperation({ operationId: 'metrics', summary: "Show metrics in Prometheus' text format" })
  @ApiOkResponse({
    description: 'See docs/reference/metrics.md.',
    content: { 'text/plain': { schema: { type: 'string' } } },
  })
  @Header('Content-Type', 'text/plain; version=0.0.4; charset=utf-8')
  @Header('Cache-Control', 'no-store')
  render(): Promise<string> {
    return this.#metrics.render();
  }
}
