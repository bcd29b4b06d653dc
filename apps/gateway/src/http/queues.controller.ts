import { Controller, Inject } from '@nestjs/common';
import { IN_FLIGHT_LIST_DEFAULT, type Input, present } from '#api';
import type {
  Broker,
  InFlightRecord,
  PartitionEnd,
  RedriveResult,
  WaitingDeadLetters,
} from '#broker';
import { type Access, topicNamed } from '#security';
import { BROKER } from '../shared/tokens.js';
import { CallerAccess } from './caller-access.js';
import { redriveAs } from './redrive-as.js';
import { Serves } from './serves.js';

/** Serves the operations on queue groups. */
@Controller()
export class QueuesController {
  readonly #broker: Broker;

  constructor(@Inject(BROKER) broker: Broker) {
    this.#broker = broker;
  }

  @Serves('inFlightRecords')
  async inFlightRecords(
    { group, query }: Input<'inFlightRecords'>,
    @CallerAccess() access: Access,
  ): Promise<{ readonly records: readonly InFlightRecord[] }> {
    const { limit = IN_FLIGHT_LIST_DEFAULT, ...filter } = present(query);
    if (filter.topic !== undefined) access.assertMay('Describe', topicNamed(filter.topic));
    const records = await this.#broker
      .as(access.caller)
      .groups.queues.records(group, { ...filter, limit });
    return { records: records.filter(({ topic }) => access.may('Describe', topicNamed(topic))) };
  }

  @Serves('purgeQueue')
  async purgeQueue(
    { group, body }: Input<'purgeQueue'>,
    @CallerAccess() access: Access,
  ): Promise<{ readonly partitions: readonly PartitionEnd[] }> {
    access.assertMay('Read', topicNamed(body.topic));
    return {
      partitions: await this.#broker.as(access.caller).groups.queues.purge(group, present(body)),
    };
  }

  @Serves('waitingDeadLetters')
  async waitingDeadLetters(
    { group }: Input<'waitingDeadLetters'>,
    @CallerAccess() access: Access,
  ): Promise<{ readonly partitions: readonly WaitingDeadLetters[] }> {
    const partitions = await this.#broker.as(access.caller).groups.queues.deadLetters(group);
    return {
      partitions: partitions.filter(({ topic }) => access.may('Describe', topicNamed(topic))),
    };
  }

  @Serves('redriveDeadLetters')
  redriveDeadLetters(
    { group, body }: Input<'redriveDeadLetters'>,
    @CallerAccess() access: Access,
  ): Promise<RedriveResult> {
    return redriveAs(access, this.#broker.as(access.caller), group, present(body ?? {}));
  }

  @Serves('cancelRecord')
  async cancelRecord(
    { group, topic, partition, offset }: Input<'cancelRecord'>,
    @CallerAccess() access: Access,
  ): Promise<void> {
    await this.#broker.as(access.caller).groups.queues.cancel(group, { topic, partition, offset });
  }
}
