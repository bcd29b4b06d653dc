import { type DynamicModule, Module } from '@nestjs/common';
import { ApiDocument } from '../http/api-document.js';
import { AsyncApiDocument } from '../http/async-api-document.js';
import { ClusterController } from '../http/cluster.controller.js';
import { DocsController } from '../http/docs.controller.js';
import { GroupsController } from '../http/groups.controller.js';
import { OperationsController } from '../http/operations.controller.js';
import { PartitionsController } from '../http/partitions.controller.js';
import { ProducersController } from '../http/producers.controller.js';
import { RootController } from '../http/root.controller.js';
import { TopicsController } from '../http/topics.controller.js';
import { TryController } from '../http/try-page/try.controller.js';
import { SocketGateway } from '../ws/socket.gateway.js';
import { EngineModule, type EngineSeed } from './engine.module.js';

@Module({
  controllers: [
    TopicsController,
    PartitionsController,
    ProducersController,
    GroupsController,
    ClusterController,
    OperationsController,
    RootController,
    DocsController,
    TryController,
  ],
  providers: [SocketGateway, ApiDocument, AsyncApiDocument],
})
export class GatewayModule {
  static from(seed: EngineSeed): DynamicModule {
    return { module: GatewayModule, imports: [EngineModule.from(seed)] };
  }
}
