/** Handles the messages that members of queues acknowledge records with. */
import { type AnswerData, type ClientData, REASON_LENGTH_MAX } from '#api';
import type { QueueAck, QueueAckResult } from '#broker';
import type { QueueSubscription } from '#delivery';
import { FaultList, ProtocolError } from '#protocol';
import { groupNamed, topicNamed } from '#security';
import type { ControlMessage, SocketAnswer } from './control-message.js';

type AckEvent = QueueAck['type'];
type AckData = ClientData<'ack'> & Partial<ClientData<'nack'>> & Partial<ClientData<'reject'>>;

/**
 * Answers with the records for which the message has taken effect, and with one error for each
 * other one.
 * @throws ProtocolError INVALID_REQUEST for a fault of the message
 */
export async function acknowledge(
  type: AckEvent,
  data: AckData,
  { session }: ControlMessage,
): Promise<SocketAnswer<AnswerData<'ack'>>> {
  const { subscription: name, topic, partition } = data;
  const { queue } = session.subscriptions.get(name);
  if (queue === undefined) throw inStreamMode(name);
  const { access } = session.caller;
  access.assertMay('Read', groupNamed(queue.group));
  access.assertMay('Read', topicNamed(topic));
  const acks = acksOf(type, data);
  const results = await takenBy(queue, acks);
  const offsets: number[] = [];
  const errors: { error: unknown; about: object }[] = [];
  for (const { offset, error } of results) {
    if (error === undefined) offsets.push(offset);
    else errors.push({ error, about: { subscription: name, topic, partition, offset } });
  }
  const answer = { subscription: name, topic, partition, offsets };
  return { data: offsets.length === 0 ? undefined : answer, errors };
}

/** The results of acks; a call that failed as a whole has refused each of them. */
async function takenBy(
  queue: QueueSubscription,
  acks: readonly QueueAck[],
): Promise<readonly QueueAckResult[]> {
  try {
    return await queue.acknowledge(acks);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return acks.map(({ topic, partition, offset }) => ({ topic, partition, offset, error }));
  }
}

/** @throws ProtocolError INVALID_REQUEST */
function acksOf(type: AckEvent, data: AckData): QueueAck[] {
  const { topic, partition, offset, offsets, deliveryCount, delayMs, reason } = data;
  const faults = new FaultList();
  if ((offset === undefined) === (offsets === undefined)) {
    faults.add('/data/offsets', 'either "offset" or "offsets" is needed, not both');
  }
  if (reason !== undefined && reason.length > REASON_LENGTH_MAX) {
    faults.add('/data/reason', `must have at most ${REASON_LENGTH_MAX} characters`);
  }
  if (faults.count > 0) {
    throw new ProtocolError('INVALID_REQUEST', `${faults.sentence}.`, faults.asOptions);
  }
  const listed = offsets ?? (offset === undefined ? [] : [offset]);
  return listed.map((each) => ({
    type,
    topic,
    partition,
    offset: each,
    ...(deliveryCount === undefined ? {} : { deliveryCount }),
    ...(delayMs === undefined ? {} : { delayMs }),
    ...(reason === undefined ? {} : { reason }),
  }));
}

function inStreamMode(name: string): ProtocolError {
  return new ProtocolError(
    'INVALID_REQUEST',
    `The subscription ${JSON.stringify(name)} is in stream mode, where records are not ` +
      'acknowledged one by one: "commit" stores the progress instead.',
  );
}
