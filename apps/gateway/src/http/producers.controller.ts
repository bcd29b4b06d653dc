import { Controller, Inject, Post } from '@nestjs/common';
import { ApiCreatedResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Broker, ProducerIdentity } from '#broker';
import { ProducerDto } from './dto/answers.dto.js';
import { ApiErrors } from './openapi/problem-responses.js';
import { BROKER } from './tokens.js';

@ApiTags('records')
@Controller('v1/producers')
export class ProducersController {
  constructor(@Inject(BROKER) private readonly broker: Broker) {}

  @Post()
  @ApiOperation({ operationId: 'initProducer', summary: 'Get an id for an idempotent producer' })
  @ApiCreatedResponse({ type: ProducerDto, description: 'An id that was never issued before.' })
  @ApiErrors('UNKNOWN_SERVER_ERROR', 'BROKER_NOT_AVAILABLE', 'KAFKA_STORAGE_ERROR')
  initProducer(): Promise<ProducerIdentity> {
    return this.broker.initProducer();
  }
}
