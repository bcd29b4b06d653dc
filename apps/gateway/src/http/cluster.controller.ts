import { Controller, Get, Inject, UseGuards } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Broker, ClusterDescription } from '#broker';
import { ClusterDto } from './dto/answers.dto.js';
import { ApiErrors } from './openapi/problem-responses.js';
import { BROKER } from './tokens.js';
import { UnknownQueryGuard } from './unknown-query.guard.js';

@ApiTags('cluster')
@UseGuards(UnknownQueryGuard)
@Controller('v1/cluster')
export class ClusterController {
  readonly #broker: Broker;

  constructor(@Inject(BROKER) broker: Broker) {
    this.#broker = broker;
  }

  @Get()
  @ApiOperation({ operationId: 'describeCluster', summary: 'Show the brokers' })
  @ApiOkResponse({ type: ClusterDto, description: 'The cluster as this broker sees it.' })
  @ApiErrors('INVALID_REQUEST', 'UNKNOWN_SERVER_ERROR')
  describeCluster(): ClusterDescription {
    return this.#broker.describeCluster();
  }
}
