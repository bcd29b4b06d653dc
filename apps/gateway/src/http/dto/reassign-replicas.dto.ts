import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import { IsBrokerIds } from './members.js';

/** Body of `PUT /v1/topics/{topic}/partitions/{partition}/replicas`. */
@ApiSchema({ name: 'ReassignReplicas' })
export class ReassignReplicasDto {
  @ApiProperty({
    type: 'array',
    items: { type: 'integer', minimum: 0 },
    minItems: 1,
    description: 'The brokers that are to keep the partition, the preferred leader first.',
  })
  @IsBrokerIds()
  readonly replicas!: number[];
}
