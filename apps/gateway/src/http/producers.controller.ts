import { Controller, Inject, Post } from '@nestjs/common';
import type { Broker, ProducerIdentity } from '#broker';
import { BROKER } from './tokens.js';

@Controller('v1/producers')
export class ProducersController {
  constructor(@Inject(BROKER) private readonly broker: Broker) {}

  @Post()
  initProducer(): Promise<ProducerIdentity> {
    return this.broker.initProducer();
  }
}
