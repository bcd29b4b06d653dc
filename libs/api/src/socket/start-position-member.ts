/** Parses the `from` of `subscribe`, in all of its forms, as a start position. */

import type { PartitionPosition, StartPosition } from '#delivery';
import { FaultList, ProtocolError } from '#protocol';
import { memberPointer, quotedName } from '#record-json';
import { INT32_MAX } from '../schema/values.js';
import { isWholeNumber } from './members.js';
import { TOPIC_IDS } from './positions.dto.js';

const POINTER = '/data/from';
const PARTITION_NUMBER = /^(0|[1-9]\d{0,9})$/;
const FORMS = '"latest", "earliest", {"timestamp": ms} or {"offsets": [...]}';

/**
 * @param from unchecked value
 * @param topics topics of the subscription
 * @throws ProtocolError INVALID_REQUEST
 */
export function startPosition(from: unknown, topics: readonly string[]): StartPosition {
  if (from === undefined || from === 'latest') return 'latest';
  if (from === 'earliest') return 'earliest';
  if (!isObject(from)) throw refusedAt(POINTER, `must be ${FORMS}`);
  if ('timestamp' in from) return timestampPosition(from);
  if (!('offsets' in from)) return { offsets: offsetsByPartition(from, POINTER, topics) };
  refuseOthers(from, ['offsets', 'topicIds'], POINTER);
  const { offsets, topicIds } = from;
  const pointer = `${POINTER}/offsets`;
  const ids = topicIds === undefined ? {} : { topicIds: idsByTopic(topicIds, topics) };
  if (Array.isArray(offsets)) return { offsets: offsetList(offsets, pointer, topics), ...ids };
  if (isObject(offsets)) return { offsets: offsetsByPartition(offsets, pointer, topics), ...ids };
  throw refusedAt(pointer, 'must be a list of {topic, partition, offset}');
}

function idsByTopic(ids: unknown, topics: readonly string[]): Readonly<Record<string, string>> {
  const pointer = `${POINTER}/topicIds`;
  if (!isObject(ids)) throw refusedAt(pointer, 'must be an object with the id of each topic');
  const faults = new FaultList();
  const known = new Set(topics);
  for (const [topic, id] of Object.entries(ids)) {
    const at = memberPointer(pointer, topic);
    if (!known.has(topic)) faults.add(at, 'is none of the topics of the subscription');
    else if (!isTopicId(id)) faults.add(at, `must be the id of the topic, ${ID_LENGTHS}`);
  }
  if (faults.count > 0) throw refused(faults);
  return ids as Readonly<Record<string, string>>;
}

const { minLength: ID_LENGTH_MIN, maxLength: ID_LENGTH_MAX } = TOPIC_IDS.additionalProperties;
const ID_LENGTHS = `${ID_LENGTH_MIN} to ${ID_LENGTH_MAX} characters`;

function isTopicId(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  return value.length >= ID_LENGTH_MIN && value.length <= ID_LENGTH_MAX;
}

function timestampPosition(from: Readonly<Record<string, unknown>>): StartPosition {
  refuseOthers(from, ['timestamp'], POINTER);
  const timestampMs = from['timestamp'];
  if (isWholeNumber(timestampMs, Number.MAX_SAFE_INTEGER)) return { timestampMs };
  const detail = 'must be a whole number of milliseconds since 1970';
  throw refusedAt(`${POINTER}/timestamp`, detail);
}

function offsetList(
  list: readonly unknown[],
  pointer: string,
  topics: readonly string[],
): readonly PartitionPosition[] {
  const faults = new FaultList();
  const known = new Set(topics);
  const seen = new Set<string>();
  for (const [index, entry] of list.entries()) {
    const at = `${pointer}/${index}`;
    if (!isObject(entry)) {
      faults.add(at, 'must be {topic, partition, offset}');
      continue;
    }
    if (!isPosition(entry, at, known, faults)) continue;
    const key = `${String(entry['topic'])}-${String(entry['partition'])}`;
    if (seen.has(key)) faults.add(at, 'names a partition for the second time');
    seen.add(key);
  }
  if (faults.count > 0) throw refused(faults);
  return (list as readonly PartitionPosition[]).map(withKnownEpoch);
}

/** A fetch answers a leader epoch of null if it is unknown: the same as an absent one. */
function withKnownEpoch(position: PartitionPosition): PartitionPosition {
  const { topic, partition, offset, leaderEpoch } = position;
  return leaderEpoch == null ? { topic, partition, offset } : position;
}

function isPosition(
  entry: Readonly<Record<string, unknown>>,
  pointer: string,
  topics: ReadonlySet<string>,
  faults: FaultList,
): boolean {
  const { topic, partition, offset, leaderEpoch } = entry;
  const found = faults.count;
  const check = (isRight: boolean, member: string, detail: string): void => {
    if (!isRight) faults.add(`${pointer}/${member}`, detail);
  };
  const isOne = typeof topic === 'string' && topics.has(topic);
  check(isOne, 'topic', 'must be one of the topics of the subscription');
  check(isWholeNumber(partition, INT32_MAX), 'partition', wholeTo(INT32_MAX));
  const offsetMax = Number.MAX_SAFE_INTEGER;
  check(isWholeNumber(offset, offsetMax), 'offset', wholeTo(offsetMax));
  const isEpoch = leaderEpoch == null || isWholeNumber(leaderEpoch, INT32_MAX);
  check(isEpoch, 'leaderEpoch', wholeTo(INT32_MAX));
  findUnknown(entry, POSITION_MEMBERS, pointer, faults);
  return faults.count === found;
}

const POSITION_MEMBERS: readonly string[] = ['topic', 'partition', 'offset', 'leaderEpoch'];

/** Parses `{"0": 12, "1": 7}`: offsets of the only topic. */
function offsetsByPartition(
  byPartition: Readonly<Record<string, unknown>>,
  pointer: string,
  topics: readonly string[],
): readonly PartitionPosition[] {
  const [topic] = topics;
  const entries = Object.entries(byPartition);
  if (entries.length === 0 || !entries.every(([name]) => PARTITION_NUMBER.test(name))) {
    throw refusedAt(pointer, `must be ${FORMS}`);
  }
  if (topic === undefined || topics.length > 1) {
    const detail =
      'offsets by partition require a single topic; use a list of offsets for several topics';
    throw refusedAt(pointer, detail);
  }
  const faults = new FaultList();
  for (const [name, offset] of entries) {
    if (isWholeNumber(offset, Number.MAX_SAFE_INTEGER)) continue;
    faults.add(`${pointer}/${name}`, wholeTo(Number.MAX_SAFE_INTEGER));
  }
  if (faults.count > 0) throw refused(faults);
  return entries.map(([name, offset]) => ({
    topic,
    partition: Number(name),
    offset: offset as number,
  }));
}

function refuseOthers(value: object, known: readonly string[], pointer: string): void {
  const faults = new FaultList();
  findUnknown(value, known, pointer, faults);
  if (faults.count > 0) throw refused(faults);
}

function findUnknown(
  value: object,
  known: readonly string[],
  pointer: string,
  faults: FaultList,
): void {
  for (const name of Object.keys(value)) {
    if (known.includes(name)) continue;
    faults.add(memberPointer(pointer, name), `unknown member ${quotedName(name)}`);
  }
}

function refusedAt(pointer: string, detail: string): ProtocolError {
  const faults = new FaultList();
  faults.add(pointer, detail);
  return refused(faults);
}

function refused(faults: FaultList): ProtocolError {
  const [first] = faults.described;
  const detail = first === undefined ? 'is not acceptable' : `${first.pointer}: ${first.detail}`;
  return new ProtocolError('INVALID_REQUEST', `${detail}.`, faults.asOptions);
}

function wholeTo(max: number): string {
  return `must be a whole number from 0 to ${max}`;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
