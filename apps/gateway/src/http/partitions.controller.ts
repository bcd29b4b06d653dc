import { Controller, Inject } from '@nestjs/common';
import { type Input, type Output } from '#api';
import type {
  Broker,
  ListedOffset,
  OffsetSpec,
  PartitionDescription,
  PartitionReplicasDescription,
} from '#broker';
import { BROKER } from '../shared/tokens.js';
import { Serves } from './serves.js';

/** Operations on one partition, except for its records, which the data plane serves. */
@Controller()
export class PartitionsController {
  readonly #broker: Broker;

  constructor(@Inject(BROKER) broker: Broker) {
    this.#broker = broker;
  }

  @Serves('deleteRecords')
  deleteRecords({
    topic,
    partition,
    query,
  }: Input<'deleteRecords'>): Promise<{ logStartOffset: number }> {
    return this.#broker.deleteRecords({ topic, partition }, query.beforeOffset);
  }

  /**
   * Accepts the loss of synced records: done only if the operator names exactly the missing range.
   */
  @Serves('acceptDataLoss')
  async acceptDataLoss({
    topic,
    partition,
    query: { startOffset, endOffset },
  }: Input<'acceptDataLoss'>): Promise<Output<'acceptDataLoss'>> {
    await this.#broker.acceptDataLoss({ topic, partition }, { startOffset, endOffset });
    return { startOffset, endOffset };
  }

  @Serves('electLeader')
  electLeader({
    topic,
    partition,
    body: { type = 'preferred', replica },
  }: Input<'electLeader'>): Promise<PartitionDescription> {
    const election = replica === undefined ? { type } : { type, replica };
    return this.#broker.electLeader({ topic, partition }, election);
  }

  @Serves('describeReplicas')
  describeReplicas(target: Input<'describeReplicas'>): Promise<PartitionReplicasDescription> {
    const { topic, partition } = target;
    return this.#broker.describeReplicas({ topic, partition });
  }

  @Serves('reassignReplicas')
  reassignReplicas({
    topic,
    partition,
    body,
  }: Input<'reassignReplicas'>): Promise<PartitionDescription> {
    return this.#broker.reassignReplicas({ topic, partition }, body.replicas);
  }

  @Serves('listOffset')
  listOffset({ topic, partition, query }: Input<'listOffset'>): Promise<ListedOffset> {
    return this.#broker.listOffset({ topic, partition }, offsetSpec(query.at));
  }
}

function offsetSpec(at: string): OffsetSpec {
  return at === 'earliest' || at === 'latest' ? at : { timestampMs: Number(at) };
}
