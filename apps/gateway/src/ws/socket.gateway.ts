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
} from '#api';
import type { Broker } from '#broker';
import type { StartPosition } from '#delivery';
import { Delivery, GroupMemberships, GroupSubscription, Subscription } from '#delivery';
import { ProtocolError } from '#protocol';
import { committedEntries } from '../http/offset-commit.js';
import { BROKER } from '../shared/tokens.js';
import type {
  ControlDispatcher,
  ControlEvent,
  ControlHandlers,
  ControlMessage,
  SocketAnswer,
} from './control-message.js';
import { memberRequest, topicNames } from './member-request.js';
import { pointedIntoMessage } from './socket-problem.js';
import type { SocketServer } from './socket-server.js';
import { SocketSubscription } from './socket-subscription.js';
import { startPosition } from './start-position-member.js';

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
    subscribe: (data, message) => this.#subscribe(data, message),
    credit: ({ subscription, records }, { session }) => {
      session.subscriptions.get(subscription).grant(records);
    },
    commit: (data, message) => this.#commit(data, message),
    release: ({ subscription, partitions }, { session }) => {
      memberOf(session.subscriptions.get(subscription)).release(partitions);
    },
    seek: (data, message) => this.#seek(data, message),
    unsubscribe: async ({ subscription: name }, { session }) => {
      const subscription = session.subscriptions.get(name);
      await subscription.member?.leave();
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
    const { data: type, ...spec } = CLIENT_MESSAGES[event];
    const checked = readDto(type, data, MESSAGE);
    if ('mode' in spec) refuseInStreamMode(checked as ClientData<'ack'>, message);
    const handle = this.#handlers[event as ControlEvent] as AnyHandler;
    return (await handle(checked, message)) ?? undefined;
  }

  async #subscribe(
    data: ClientData<'subscribe'>,
    { session }: ControlMessage,
  ): Promise<SocketAnswer<AnswerData<'subscribe'>>> {
    refuseQueueMode(data);
    const opened = data.group === undefined ? this.#reader(data) : this.#member(data, data.group);
    const subscription = new SocketSubscription(data.subscription, session);
    session.subscriptions.add(subscription);
    try {
      const positions = await subscription.open(opened);
      const answer = { subscription: subscription.name, positions };
      return { data: answer, onSent: () => subscription.start() };
    } catch (error) {
      session.forget(subscription);
      throw pointedIntoMessage(error);
    }
  }

  /** @throws ProtocolError for a fault of the message */
  #reader(data: ClientData<'subscribe'>): SubscriptionOpener {
    const topics = topicNames(data);
    const from = startPosition(data.from, topics);
    this.#assertPartitionsExist(from);
    const request = {
      topics,
      from,
      partitions: data.partitions,
      autoOffsetReset: data.autoOffsetReset ?? 'none',
      creditRecords: data.credit,
    };
    return (transport) => Subscription.open(this.#delivery, request, transport);
  }

  /** @throws ProtocolError for a fault of the message */
  #member(data: ClientData<'subscribe'>, group: string): SubscriptionOpener {
    const request = memberRequest(data, group);
    return (transport) => GroupSubscription.open(this.#memberships, request, transport);
  }

  async #commit(
    data: ClientData<'commit'>,
    { session }: ControlMessage,
  ): Promise<SocketAnswer<AnswerData<'commit'>>> {
    const { member } = session.subscriptions.get(data.subscription);
    const { subscription } = data;
    const group = data.group ?? member?.group;
    if (group === undefined) throw groupMissing();
    try {
      const offsets = await committedEntries(data.offsets, (entries) =>
        member?.group === group
          ? member.commit(entries)
          : this.#broker.commitOffsets(group, entries),
      );
      return { data: { subscription, group, offsets } };
    } catch (error) {
      throw pointedIntoMessage(error);
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

/** Opens the subscription of a message with a transport. */
type SubscriptionOpener = Parameters<SocketSubscription['open']>[0];

function refuseQueueMode({ mode }: ClientData<'subscribe'>): void {
  if (mode !== 'queue') return;
  const detail = 'this version has no queue mode, only "stream"';
  throw new ProtocolError('INVALID_REQUEST', `/data/mode: ${detail}.`, {
    faults: [{ pointer: '/data/mode', detail }],
  });
}

/** @throws ProtocolError INVALID_REQUEST when the subscription is no member of a group */
function memberOf({ name, member }: SocketSubscription): GroupSubscription {
  if (member !== undefined) return member;
  const detail = `the subscription ${JSON.stringify(name)} is no member of a consumer group`;
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

/**
 * Refuses a message of queue mode, because all subscriptions are in stream mode.
 * @throws ProtocolError always
 */
function refuseInStreamMode(
  { subscription }: ClientData<'ack'>,
  { session }: ControlMessage,
): never {
  session.subscriptions.get(subscription);
  throw new ProtocolError(
    'INVALID_REQUEST',
    `The subscription ${JSON.stringify(subscription)} is in stream mode, where records are not ` +
      'acknowledged one by one: "commit" stores the progress instead.',
  );
}

/** A handler whose data has been checked against the class of its event. */
type AnyHandler = (
  data: object,
  message: ControlMessage,
) => SocketAnswer | undefined | Promise<SocketAnswer | undefined>;
