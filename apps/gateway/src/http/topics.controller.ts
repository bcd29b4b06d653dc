import { Controller, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { type Input, present } from '#api';
import type { Broker, TopicDescription } from '#broker';
import type { FrontListener } from '#http-front';
import { type Access, CLUSTER, topicNamed } from '#security';
import { BROKER } from '../shared/tokens.js';
import { CallerAccess } from './caller-access.js';
import { ReceivingListener } from './receiving-listener.js';
import { Serves } from './serves.js';

@Controller()
export class TopicsController {
  readonly #broker: Broker;

  constructor(@Inject(BROKER) broker: Broker) {
    this.#broker = broker;
  }

  @Serves('createTopic')
  async createTopic(
    { body }: Input<'createTopic'>,
    @CallerAccess() access: Access,
    @Res({ passthrough: true }) reply: FastifyReply,
    @ReceivingListener() listener: FrontListener,
  ): Promise<TopicDescription> {
    const { replicaAssignment, ...request } = present(body);
    if (!access.may('Create', CLUSTER)) access.assertMay('Create', topicNamed(body.name));
    // Generated clients send an empty list for an absent one.
    const isAssigned = replicaAssignment !== undefined && replicaAssignment.length > 0;
    const topic = await this.#broker.createTopic(
      isAssigned ? { ...request, replicaAssignment } : request,
    );
    const path = `/v1/topics/${encodeURIComponent(topic.name)}`;
    reply.header('Location', listener.pathPrefix + path);
    return topic;
  }

  @Serves('listTopics')
  async listTopics(
    { query }: Input<'listTopics'>,
    @CallerAccess() access: Access,
  ): Promise<{ readonly topics: readonly TopicDescription[] }> {
    const topics = await this.#broker.listTopics({ includeInternal: query.internal ?? false });
    return { topics: topics.filter(({ name }) => access.may('Describe', topicNamed(name))) };
  }

  @Serves('describeTopic')
  describeTopic({ topic }: Input<'describeTopic'>): Promise<TopicDescription> {
    return this.#broker.describeTopic(topic);
  }

  @Serves('alterTopic')
  alterTopic(
    { topic, body }: Input<'alterTopic'>,
    @CallerAccess() access: Access,
  ): Promise<TopicDescription> {
    assertMayAlter(access, topic, body);
    return this.#broker.alterTopic(topic, present(body));
  }

  @Serves('deleteTopic')
  deleteTopic({ topic }: Input<'deleteTopic'>): Promise<void> {
    return this.#broker.deleteTopic(topic);
  }
}

/** @throws ProtocolError TOPIC_AUTHORIZATION_FAILED */
function assertMayAlter(
  access: Access,
  topic: string,
  { partitions, configs }: Input<'alterTopic'>['body'],
): void {
  if (configs !== undefined) access.assertMay('AlterConfigs', topicNamed(topic));
  if (partitions !== undefined || configs === undefined) {
    access.assertMay('Alter', topicNamed(topic));
  }
}
