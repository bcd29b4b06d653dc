import { Controller, Inject, Post, UseGuards } from '@nestjs/common';
import { ApiCreatedResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Broker, ProducerIdentity } from '#broker';
import { ProducerDto } from './dto/answers.dto.js';
import { ApiErrors } from './openapi/problem-responses.js';
import { BROKER } from './tokens.js';
import { UnknownQueryGuard } from './unknown-query.guard.js';

@ApiTags('records')
@UseGuards(UnknownQueryGuard)
@Controller('v1/producers')
export class ProducersController {
  readonly #broker: Broker;

  constructor(@Inject(BROKER) broker: Broker) {
    this.#broker = broker;
  }

  @Post()
  @ApiOperation({ operationId: 'initProducer', summary: 'Get an id for an idempotent producer' })
  @ApiCreatedResponse({ type: ProducerDto, description: 'A new id, never issued before.' })
  @ApiErrors(
    'INVALID_REQUEST',
    'UNKNOWN_SERVER_ERROR',
    'BROKER_NOT_AVAILABLE',
    'KAFKA_STORAGE_ERROR',
  )
  initProducer(): Promise<ProducerIdentity> {
    return this.#broker.initProducer();
  }
}
