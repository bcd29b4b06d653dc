import { Controller, Inject } from '@nestjs/common';
import type { Broker, ClusterDescription } from '#broker';
import { Serves } from './serves.js';
import { BROKER } from './tokens.js';

@Controller()
export class ClusterController {
  readonly #broker: Broker;

  constructor(@Inject(BROKER) broker: Broker) {
    this.#broker = broker;
  }

  @Serves('describeCluster')
  describeCluster(): ClusterDescription {
    return this.#broker.describeCluster();
  }
}
