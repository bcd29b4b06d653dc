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
import { Delivery } from '#delivery';
import { ProtocolError } from '#protocol';
import { commitEntries } from '../http/offset-commit.js';
import { BROKER } from '../shared/tokens.js';
import type {
  ControlDispatcher,
  ControlEvent,
  ControlHandlers,
  ControlMessage,
  SocketAnswer,
} from './control-message.js';
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
  readonly #handlers: ControlHandlers = {
    subscribe: (data, message) => this.#subscribe(data, message),
    credit: ({ subscription, records }, { session }) => {
      session.subscriptions.get(subscription).grant(records);
    },
    commit: (data, message) => this.#commit(data, message),
    seek: (data, message) => this.#seek(data, message),
    unsubscribe: ({ subscription: name }, { session }) => {
      const subscription = session.subscriptions.get(name);
      subscription.close();
      session.forget(subscription);
      return { data: { subscription: name } };
    },
    ping: () => ({ data: {} }),
  };

  constructor(@Inject(BROKER) broker: Broker, @Inject(Delivery) delivery: Delivery) {
    this.#broker = broker;
    this.#delivery = delivery;
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
      return { data: answer, onSent: () => subscription.start() };
    } catch (error) {
      session.forget(subscription);
      throw error;
    }
  }

  async #commit(
    data: ClientData<'commit'>,
    { session }: ControlMessage,
  ): Promise<SocketAnswer<AnswerData<'commit'>>> {
    session.subscriptions.get(data.subscription);
    const { subscription, group } = data;
    if (group === undefined) throw groupMissing();
    try {
      const offsets = await commitEntries(this.#broker, group, data.offsets);
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

/** Refuses members of consumer groups, which this version does not have. */
function refuseMembers(data: ClientData<'subscribe'>): void {
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

function topicsOf({ topic, topics }: ClientData<'subscribe'>): readonly string[] {
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
