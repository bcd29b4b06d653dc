import { Controller, Inject } from '@nestjs/common';
import type { Broker, ClusterDescription } from '#broker';
import { BROKER } from '../shared/tokens.js';
import { Serves } from './serves.js';

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
