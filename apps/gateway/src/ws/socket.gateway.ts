import { Inject } from '@nestjs/common';
import { type OnGatewayInit, WebSocketGateway } from '@nestjs/websockets';
import {
  type AnswerData,
  CLIENT_MESSAGES,
  type ClientData,
  type ClientEvent,
  MESSAGE,
  readDto,
  SOCKET_PATH,
  startPosition,
  type TopicChoice,
} from '#api';
import type { Broker } from '#broker';
import {
  Delivery,
  GroupMemberships,
  GroupSubscription,
  QueueSubscription,
  type StartPosition,
  Subscription,
} from '#delivery';
import { ProtocolError, type TopicPartition } from '#protocol';
import { recordFormat } from '#record-json';
import { type Access, groupNamed, topicNamed } from '#security';
import { committedEntries } from '../http/offset-commit.js';
import { readableTopics } from '../http/topics-of-member.js';
import { BROKER } from '../shared/tokens.js';
import { acknowledge } from './acknowledge-message.js';
import type {
  ControlDispatcher,
  ControlEvent,
  ControlHandlers,
  ControlMessage,
  SocketAnswer,
} from './control-message.js';
import { memberRequest, queueRequest, topicNames } from './member-request.js';
import { withMessagePointers } from './socket-problem.js';
import type { SocketServer } from './socket-server.js';
import { SocketSubscription, type SubscriptionReads } from './socket-subscription.js';

/**
 * Handlers of control messages. `publish` is not one of them, because its records never become
 * objects.
 *
 * Overlap: messages of different connections overlap; those of one connection come one after the
 * other.
 */
@WebSocketGateway({ path: SOCKET_PATH })
export class SocketGateway implements OnGatewayInit<SocketServer>, ControlDispatcher {
  readonly #broker: Broker;
  readonly #delivery: Delivery;
  readonly #memberships: GroupMemberships;
  readonly #handlers: ControlHandlers = {
    authenticate: async ({ token }, { session }) => {
      const data = await session.caller.authenticate(token);
      // A newer token may name fewer groups of the caller.
      session.subscriptions.recheck(session.caller.access);
      return { data };
    },
    subscribe: (data, message) => this.#subscribe(data, message),
    credit: ({ subscription, records }, { session }) => {
      session.subscriptions.get(subscription).grant(records);
    },
    commit: (data, message) => this.#commit(data, message),
    release: ({ subscription, partitions }, { session }) => {
      memberOf(session.subscriptions.get(subscription)).release(partitions);
    },
    seek: (data, message) => this.#seek(data, message),
    ack: (data, message) => acknowledge('ack', data, message),
    nack: (data, message) => acknowledge('nack', data, message),
    extend: (data, message) => acknowledge('extend', data, message),
    reject: (data, message) => acknowledge('reject', data, message),
    unsubscribe: async ({ subscription: name }, { session }) => {
      const subscription = session.subscriptions.get(name);
      await (subscription.member ?? subscription.queue)?.leave();
      subscription.close();
      session.forget(subscription);
      return { data: { subscription: name } };
    },
    ping: () => ({ data: {} }),
  };

  constructor(
    @Inject(BROKER) broker: Broker,
    @Inject(Delivery) delivery: Delivery,
    @Inject(GroupMemberships) memberships: GroupMemberships,
  ) {
    this.#broker = broker;
    this.#delivery = delivery;
    this.#memberships = memberships;
  }

  /** Nest calls it once, before the gateway listens. */
  afterInit(server: SocketServer): void {
    server.answerWith(this);
  }

  async dispatch(
    event: ClientEvent,
    data: unknown,
    message: ControlMessage,
  ): Promise<SocketAnswer | undefined> {
    if (event !== 'authenticate') message.session.caller.assertValid();
    const checked = readDto(CLIENT_MESSAGES[event].data, data, MESSAGE);
    const handle = this.#handlers[event as ControlEvent] as AnyHandler;
    return (await handle(checked, message)) ?? undefined;
  }

  async #subscribe(
    data: ClientData<'subscribe'>,
    { session }: ControlMessage,
  ): Promise<SocketAnswer<AnswerData<'subscribe'>>> {
    const { open, reads } = await this.#openingOf(data, session.caller.access);
    const subscription = new SocketSubscription(data.subscription, session);
    subscription.setReads(reads);
    session.subscriptions.add(subscription);
    try {
      // The rules may have changed while the topics of a pattern were looked up.
      subscription.recheck(session.caller.access);
      const positions = await subscription.open(open);
      const answer = { subscription: subscription.name, positions };
      // The group keeps the positions of its members.
      const isOfGroup = data.group !== undefined;
      const topicIds = isOfGroup ? {} : { topicIds: this.#idsOf(positions) };
      return { data: { ...answer, ...topicIds }, onSent: () => subscription.start() };
    } catch (error) {
      session.forget(subscription);
      throw withMessagePointers(error);
    }
  }

  /** @throws ProtocolError for a fault of the message */
  async #openingOf(data: ClientData<'subscribe'>, access: Access): Promise<Opening> {
    const { group, mode } = data;
    if (group === undefined) return this.#reader(data, access);
    access.assertMay('Read', groupNamed(group));
    if (mode !== 'queue') return this.#member(data, group, access);
    const read = queueRequest(data, group);
    const topics = await readableTopics(access, this.#broker, read.topics);
    const request = { ...read, topics, caller: access.caller };
    return {
      open: (transport) => QueueSubscription.open(this.#memberships, request, transport),
      reads: readsOf(topics, group),
    };
  }

  /** @throws ProtocolError for a fault of the message */
  #reader(data: ClientData<'subscribe'>, access: Access): Opening {
    const topics = topicNames(data);
    for (const topic of topics) access.assertMay('Read', topicNamed(topic));
    const from = startPosition(data.from, topics);
    this.#assertPartitionsExist(from);
    const request = {
      topics,
      from,
      partitions: data.partitions,
      autoOffsetReset: data.autoOffsetReset ?? 'none',
      creditRecords: data.credit,
      format: recordFormat(data.format),
    };
    return {
      open: (transport) => Subscription.open(this.#delivery, request, transport),
      reads: readsOf(topics, undefined),
    };
  }

  /** @throws ProtocolError for a fault of the message */
  async #member(data: ClientData<'subscribe'>, group: string, access: Access): Promise<Opening> {
    const read = memberRequest(data, group);
    const topics = await readableTopics(access, this.#broker, read.topics);
    const request = { ...read, topics, caller: access.caller };
    return {
      open: (transport) => GroupSubscription.open(this.#memberships, request, transport),
      reads: readsOf(topics, group),
    };
  }

  async #commit(
    data: ClientData<'commit'>,
    { session }: ControlMessage,
  ): Promise<SocketAnswer<AnswerData<'commit'>>> {
    const { member, queue } = session.subscriptions.get(data.subscription);
    const { subscription } = data;
    const group = data.group ?? member?.group ?? queue?.group;
    if (group === undefined) throw groupMissing();
    const { access } = session.caller;
    access.assertMay('Read', groupNamed(group));
    for (const { topic } of data.offsets) access.assertMay('Read', topicNamed(topic));
    try {
      const offsets = await committedEntries(data.offsets, (entries) =>
        member?.group === group
          ? member.commit(entries)
          : this.#broker.as(access.caller).commitOffsets(group, entries),
      );
      return { data: { subscription, group, offsets } };
    } catch (error) {
      throw withMessagePointers(error);
    }
  }

  async #seek(
    data: ClientData<'seek'>,
    { session, turn }: ControlMessage,
  ): Promise<SocketAnswer<AnswerData<'seek'>>> {
    const subscription = session.subscriptions.get(data.subscription);
    const { topic, partition, offset } = data;
    const position = { topic, partition, offset };
    // The client has received every earlier message about the subscription by then.
    await turn();
    await subscription.seek(position);
    const answer = { subscription: subscription.name, positions: [position] };
    return { data: answer, onSent: () => subscription.startFrom(position) };
  }

  /** The ids of the topics of positions, by name. */
  #idsOf(positions: readonly TopicPartition[]): Record<string, string> {
    const topics = new Set(positions.map(({ topic }) => topic));
    return Object.fromEntries(
      [...topics].flatMap((topic) => {
        const id = this.#broker.topicId(topic);
        return id === undefined ? [] : [[topic, id]];
      }),
    );
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

function readsOf(choices: readonly TopicChoice[], group: string | undefined): SubscriptionReads {
  const topics = choices.filter((each) => typeof each === 'string');
  return { topics, hasPattern: topics.length < choices.length, group };
}

/** A subscription of a message that is permitted and not open yet. */
interface Opening {
  readonly open: SubscriptionOpener;
  readonly reads: SubscriptionReads;
}

/** Opens the subscription of a message with a transport. */
type SubscriptionOpener = Parameters<SocketSubscription['open']>[0];

/** @throws ProtocolError INVALID_REQUEST when the subscription is not a member of a group */
function memberOf({ name, member }: SocketSubscription): GroupSubscription {
  if (member !== undefined) return member;
  const detail = `the subscription ${JSON.stringify(name)} is not a member of a consumer group`;
  throw new ProtocolError('INVALID_REQUEST', `/data/subscription: ${detail}.`, {
    faults: [{ pointer: '/data/subscription', detail }],
  });
}

function groupMissing(): ProtocolError {
  const detail = 'is missing: the subscription has no group of its own';
  return new ProtocolError('INVALID_REQUEST', `/data/group: ${detail}.`, {
    faults: [{ pointer: '/data/group', detail }],
  });
}

/** A handler whose data has been checked against the class of its event. */
type AnyHandler = (
  data: object,
  message: ControlMessage,
) => SocketAnswer | undefined | Promise<SocketAnswer | undefined>;
