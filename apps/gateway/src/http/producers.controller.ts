import { Controller, Inject } from '@nestjs/common';
import type { Broker, ProducerIdentity } from '#broker';
import { BROKER } from '../shared/tokens.js';
import { Serves } from './serves.js';

@Controller()
export class ProducersController {
  readonly #broker: Broker;

  constructor(@Inject(BROKER) broker: Broker) {
    this.#broker = broker;
  }

  @Serves('initProducer')
  initProducer(): Promise<ProducerIdentity> {
    return this.#broker.initProducer();
  }
}
