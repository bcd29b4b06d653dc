import { createParamDecorator, type ExecutionContext, Inject, UseFilters } from '@nestjs/common';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import type { Broker } from '#broker';
import type { StartPosition } from '#delivery';
import { Delivery } from '#delivery';
import { ProtocolError } from '#protocol';
import { commitEntries } from '../http/offset-commit.js';
import { BROKER } from '../http/tokens.js';
import { ControlMessage, type SocketAnswer } from './control-message.js';
import {
  AcknowledgeDto,
  CommitDto,
  CreditDto,
  PingDto,
  SeekDto,
  UnsubscribeDto,
} from './messages/control.dto.js';
import { SOCKET_PATH } from './messages/socket-messages.js';
import { SubscribeDto } from './messages/subscribe.dto.js';
import { SocketProblemFilter } from './socket-problem.filter.js';
import { pointedIntoMessage } from './socket-problem.js';
import { SocketSubscription } from './socket-subscription.js';
import { startPosition } from './start-position-member.js';

/** The message that is being handled. */
const Received = createParamDecorator((_: unknown, context: ExecutionContext) =>
  context.getArgs<unknown[]>().find((each) => each instanceof ControlMessage),
);

/**
 * Handlers of control messages. `publish` is not one of them, because its records never become
 * objects.
 */
@WebSocketGateway({ path: SOCKET_PATH })
@UseFilters(SocketProblemFilter)
export class SocketGateway {
  readonly #broker: Broker;
  readonly #delivery: Delivery;

  constructor(@Inject(BROKER) broker: Broker, @Inject(Delivery) delivery: Delivery) {
    this.#broker = broker;
    this.#delivery = delivery;
  }

  @SubscribeMessage('subscribe')
  async subscribe(
    @MessageBody() data: SubscribeDto,
    @Received() { session }: ControlMessage,
  ): Promise<SocketAnswer> {
    refuseMembers(data);
    const topics = topicsOf(data);
    const from = startPosition(data.from, topics);
    this.#assertPartitionsExist(from);
    const subscription = new SocketSubscription(data.subscription, session);
    session.subscriptions.add(subscription);
    try {
      const positions = await subscription.open(this.#delivery, {
        topics,
        from,
        partitions: data.partitions,
        autoOffsetReset: data.autoOffsetReset ?? 'none',
        creditRecords: data.credit,
      });
      const answer = { subscription: subscription.name, positions };
      return { event: 'subscribed', data: answer, onSent: () => subscription.start() };
    } catch (error) {
      session.forget(subscription);
      throw error;
    }
  }

  @SubscribeMessage('credit')
  credit(@MessageBody() data: CreditDto, @Received() { session }: ControlMessage): void {
    session.subscriptions.get(data.subscription).grant(data.records);
  }

  @SubscribeMessage('commit')
  async commit(
    @MessageBody() data: CommitDto,
    @Received() { session }: ControlMessage,
  ): Promise<SocketAnswer> {
    session.subscriptions.get(data.subscription);
    const { subscription, group } = data;
    if (group === undefined) throw groupMissing();
    try {
      const offsets = await commitEntries(this.#broker, group, data.offsets);
      return { event: 'committed', data: { subscription, group, offsets } };
    } catch (error) {
      throw pointedIntoMessage(error);
    }
  }

  @SubscribeMessage('seek')
  async seek(
    @MessageBody() data: SeekDto,
    @Received() { session, turn }: ControlMessage,
  ): Promise<SocketAnswer> {
    const subscription = session.subscriptions.get(data.subscription);
    const { topic, partition, offset } = data;
    const position = { topic, partition, offset };
    // The client has received every earlier message about the subscription by then.
    await turn();
    await subscription.seek(position);
    const answer = { subscription: subscription.name, positions: [position] };
    return { event: 'subscribed', data: answer, onSent: () => subscription.startFrom(position) };
  }

  @SubscribeMessage('unsubscribe')
  unsubscribe(
    @MessageBody() data: UnsubscribeDto,
    @Received() { session }: ControlMessage,
  ): SocketAnswer {
    const subscription = session.subscriptions.get(data.subscription);
    subscription.close();
    session.forget(subscription);
    return { event: 'unsubscribed', data: { subscription: subscription.name } };
  }

  @SubscribeMessage('ping')
  ping(@MessageBody() _data: PingDto): SocketAnswer {
    return { event: 'pong', data: {} };
  }

  @SubscribeMessage('ack')
  ack(@MessageBody() data: AcknowledgeDto, @Received() message: ControlMessage): never {
    return refuseAcknowledgement(data, message);
  }

  @SubscribeMessage('nack')
  nack(@MessageBody() data: AcknowledgeDto, @Received() message: ControlMessage): never {
    return refuseAcknowledgement(data, message);
  }

  @SubscribeMessage('extend')
  extend(@MessageBody() data: AcknowledgeDto, @Received() message: ControlMessage): never {
    return refuseAcknowledgement(data, message);
  }

  @SubscribeMessage('reject')
  reject(@MessageBody() data: AcknowledgeDto, @Received() message: ControlMessage): never {
    return refuseAcknowledgement(data, message);
  }

  /** Refuses positions of partitions that do not exist, because they would be ignored silently. */
  #assertPartitionsExist(from: StartPosition): void {
    if (typeof from === 'string' || !('offsets' in from)) return;
    for (const { topic, partition } of from.offsets) {
      const partitions = this.#broker.topicLimits(topic)?.partitions;
      if (partitions === undefined || partition < partitions) continue;
      throw new ProtocolError(
        'UNKNOWN_TOPIC_OR_PARTITION',
        `There is no partition ${partition} of topic "${topic}", which has ${partitions}.`,
      );
    }
  }
}

/** Refuses members of consumer groups, which this version does not have. */
function refuseMembers(data: SubscribeDto): void {
  const { group, instanceId, autoCommit, mode } = data;
  const faults = Object.entries({ group, instanceId, autoCommit })
    .filter(([, value]) => value !== undefined)
    .map(([name]) => ({
      pointer: `/data/${name}`,
      detail: 'this version has no members of consumer groups; "commit" takes a group',
    }));
  if (mode === 'queue') {
    faults.push({ pointer: '/data/mode', detail: 'this version has no queue mode, only "stream"' });
  }
  const [first] = faults;
  if (first === undefined) return;
  throw new ProtocolError('INVALID_REQUEST', `${first.pointer}: ${first.detail}.`, { faults });
}

function topicsOf({ topic, topics }: SubscribeDto): readonly string[] {
  if (topics !== undefined && topic === undefined) return topics;
  if (topic !== undefined && topics === undefined) return [topic];
  const detail = 'either "topics" or "topic" is needed, not both';
  throw new ProtocolError('INVALID_REQUEST', `/data/topics: ${detail}.`, {
    faults: [{ pointer: '/data/topics', detail }],
  });
}

function groupMissing(): ProtocolError {
  const detail = 'is missing: the subscription has no group of its own';
  return new ProtocolError('INVALID_REQUEST', `/data/group: ${detail}.`, {
    faults: [{ pointer: '/data/group', detail }],
  });
}

/** @throws ProtocolError always */
function refuseAcknowledgement(data: AcknowledgeDto, { session }: ControlMessage): never {
  session.subscriptions.get(data.subscription);
  throw new ProtocolError(
    'INVALID_REQUEST',
    `The subscription ${JSON.stringify(data.subscription)} is in stream mode, where records are not ` +
      'acknowledged one by one: "commit" stores the progress instead.',
  );
}
