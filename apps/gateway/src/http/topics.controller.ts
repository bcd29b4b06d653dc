import { Controller, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { type Input, present } from '#api';
import type { Broker, TopicDescription } from '#broker';
import { PublicAddress } from '../shared/public-address.js';
import { BROKER } from '../shared/tokens.js';
import { Serves } from './serves.js';

@Controller()
export class TopicsController {
  readonly #broker: Broker;
  readonly #address: PublicAddress;

  constructor(@Inject(BROKER) broker: Broker, @Inject(PublicAddress) address: PublicAddress) {
    this.#broker = broker;
    this.#address = address;
  }

  @Serves('createTopic')
  async createTopic(
    { body }: Input<'createTopic'>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TopicDescription> {
    const { replicaAssignment, ...request } = present(body);
    // Generated clients send an empty list for an absent one.
    const isAssigned = replicaAssignment !== undefined && replicaAssignment.length > 0;
    const topic = await this.#broker.createTopic(
      isAssigned ? { ...request, replicaAssignment } : request,
    );
    const path = `/v1/topics/${encodeURIComponent(topic.name)}`;
    reply.header('Location', this.#address.pathOf(path));
    return topic;
  }

  @Serves('listTopics')
  async listTopics({
    query,
  }: Input<'listTopics'>): Promise<{ readonly topics: readonly TopicDescription[] }> {
    return { topics: await this.#broker.listTopics({ includeInternal: query.internal ?? false }) };
  }

  @Serves('describeTopic')
  describeTopic({ topic }: Input<'describeTopic'>): Promise<TopicDescription> {
    return this.#broker.describeTopic(topic);
  }

  @Serves('alterTopic')
  alterTopic({ topic, body }: Input<'alterTopic'>): Promise<TopicDescription> {
    return this.#broker.alterTopic(topic, present(body));
  }

  @Serves('deleteTopic')
  deleteTopic({ topic }: Input<'deleteTopic'>): Promise<void> {
    return this.#broker.deleteTopic(topic);
  }
}
