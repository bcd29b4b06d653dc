import type { PartitionReplicasDescription } from '#broker';
import { IsAnsweredOnly, IsBrokerIds, Member } from '../schema/members.js';
import { BROKER_ID } from '../schema/values.js';

/**
 * Body of `PUT /v1/topics/{topic}/partitions/{partition}/replicas`. It may contain the other
 * members of the answer to `GET` of the same path.
 */
export class ReassignReplicasDto implements Pick<PartitionReplicasDescription, 'replicas'> {
  @Member({
    type: 'array',
    items: BROKER_ID,
    minItems: 1,
    description: 'The brokers that should hold the partition, the preferred leader first.',
  })
  @IsBrokerIds()
  readonly replicas!: readonly number[];

  @IsAnsweredOnly()
  readonly topic?: unknown;

  @IsAnsweredOnly()
  readonly partition?: unknown;

  @IsAnsweredOnly()
  readonly leader?: unknown;

  @IsAnsweredOnly()
  readonly isr?: unknown;

  @IsAnsweredOnly()
  readonly addingReplicas?: unknown;

  @IsAnsweredOnly()
  readonly removingReplicas?: unknown;

  @IsAnsweredOnly()
  readonly progress?: unknown;
}
