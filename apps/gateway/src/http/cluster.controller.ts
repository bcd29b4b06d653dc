import { Controller, Get, Inject } from '@nestjs/common';
import type { Broker, ClusterDescription } from '#broker';
import { BROKER } from './tokens.js';

@Controller('v1/cluster')
export class ClusterController {
  constructor(@Inject(BROKER) private readonly broker: Broker) {}

  @Get()
  describeCluster(): ClusterDescription {
    return this.broker.describeCluster();
  }
}
