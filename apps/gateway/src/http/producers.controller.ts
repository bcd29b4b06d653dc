import { Controller, Inject } from '@nestjs/common';
import type { Input, Output } from '#api';
import type { Broker } from '#broker';
import type { Access, EdgeSecurity } from '#security';
import { BROKER, EDGE_SECURITY } from '../shared/tokens.js';
import { CallerAccess } from './caller-access.js';
import { Serves } from './serves.js';

@Controller()
export class ProducersController {
  readonly #broker: Broker;
  readonly #security: EdgeSecurity | undefined;

  constructor(
    @Inject(BROKER) broker: Broker,
    @Inject(EDGE_SECURITY) security: EdgeSecurity | undefined,
  ) {
    this.#broker = broker;
    this.#security = security;
  }

  @Serves('initProducer')
  async initProducer(
    _input: Input<'initProducer'>,
    @CallerAccess() { caller }: Access,
  ): Promise<Output<'initProducer'>> {
    const producer = await this.#broker.initProducer();
    const token = this.#security?.producerTokens.issue(caller.principal, producer);
    return token === undefined ? producer : { ...producer, producerToken: token };
  }
}
