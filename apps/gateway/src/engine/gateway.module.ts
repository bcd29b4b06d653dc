import { type DynamicModule, Module } from '@nestjs/common';
import { Delivery, GroupMemberships } from '#delivery';
import { GatewayMetrics, Health } from '#observability';
import { ApiDocument } from '../http/api-document.js';
import { ApiKeysController } from '../http/api-keys.controller.js';
import { AsyncApiDocument } from '../http/async-api-document.js';
import { ClusterController } from '../http/cluster.controller.js';
import { DocsController } from '../http/docs.controller.js';
import { GroupMembersController } from '../http/group-members.controller.js';
import { GroupsController } from '../http/groups.controller.js';
import { OperationsController } from '../http/operations.controller.js';
import { PartitionsController } from '../http/partitions.controller.js';
import { ProducersController } from '../http/producers.controller.js';
import { QueuesController } from '../http/queues.controller.js';
import { RootController } from '../http/root.controller.js';
import { SecurityController } from '../http/security.controller.js';
import { TicketsController } from '../http/tickets.controller.js';
import { TopicsController } from '../http/topics.controller.js';
import { TryController } from '../http/try-page/try.controller.js';
import { SecurityAdministration } from '../shared/security-administration.js';
import { BROKER, EDGE_SECURITY } from '../shared/tokens.js';
import { SocketGateway } from '../ws/socket.gateway.js';
import type { Engine } from './engine.js';

@Module({
  controllers: [
    TopicsController,
    PartitionsController,
    ProducersController,
    GroupMembersController,
    QueuesController,
    GroupsController,
    ClusterController,
    ApiKeysController,
    SecurityController,
    TicketsController,
    OperationsController,
    DocsController,
    TryController,
    RootController,
  ],
  providers: [SocketGateway, ApiDocument, AsyncApiDocument],
})
export class GatewayModule {
  /** Offers the parts of an opened engine to the controllers. */
  static from(engine: Engine): DynamicModule {
    return {
      module: GatewayModule,
      providers: [
        { provide: BROKER, useValue: engine.broker.broker },
        { provide: Delivery, useValue: engine.delivery },
        { provide: GroupMemberships, useValue: engine.memberships },
        { provide: Health, useValue: engine.health },
        { provide: GatewayMetrics, useValue: engine.metrics },
        { provide: SecurityAdministration, useValue: engine.security.administration },
        { provide: EDGE_SECURITY, useValue: engine.security.edge },
      ],
    };
  }
}
