import { Controller, Inject } from '@nestjs/common';
import { type Input, type Output } from '#api';
import type {
  Broker,
  ListedOffset,
  OffsetSpec,
  PartitionDescription,
  PartitionReplicasDescription,
} from '#broker';
import type { Access } from '#security';
import { BROKER } from '../shared/tokens.js';
import { CallerAccess } from './caller-access.js';
import { Serves } from './serves.js';

/** Operations on one partition, except for its records, which the data plane serves. */
@Controller()
export class PartitionsController {
  readonly #broker: Broker;

  constructor(@Inject(BROKER) broker: Broker) {
    this.#broker = broker;
  }

  @Serves('deleteRecords')
  deleteRecords(
    { topic, partition, query }: Input<'deleteRecords'>,
    @CallerAccess() { caller }: Access,
  ): Promise<{ logStartOffset: number }> {
    return this.#broker.as(caller).deleteRecords({ topic, partition }, query.beforeOffset);
  }

  /**
   * Accepts the loss of synced records: done only if the operator names exactly the missing range.
   */
  @Serves('acceptDataLoss')
  async acceptDataLoss(
    { topic, partition, query: { startOffset, endOffset } }: Input<'acceptDataLoss'>,
    @CallerAccess() { caller }: Access,
  ): Promise<Output<'acceptDataLoss'>> {
    const broker = this.#broker.as(caller);
    await broker.acceptDataLoss({ topic, partition }, { startOffset, endOffset });
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
  listOffset(
    { topic, partition, query }: Input<'listOffset'>,
    @CallerAccess() { caller }: Access,
  ): Promise<ListedOffset> {
    return this.#broker.as(caller).listOffset({ topic, partition }, offsetSpec(query.at));
  }
}

function offsetSpec(at: string): OffsetSpec {
  return at === 'earliest' || at === 'latest' ? at : { timestampMs: Number(at) };
}
