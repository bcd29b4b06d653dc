/** The `from` of `subscribe`, in all of its forms, as a start position. */
import { type Fault, ProtocolError } from '#protocol';
import type { PartitionPosition, StartPosition } from '../delivery/start-position.js';
import { memberPointer, quotedName } from '../records/record-faults.js';
import { INT32_MAX, isWholeNumber } from './messages/members.js';

const POINTER = '/data/from';
const PARTITION_NUMBER = /^(0|[1-9]\d{0,9})$/;
const FORMS = '"latest", "earliest", {"timestamp": ms} or {"offsets": [...]}';

/**
 * @param from as it came: anything
 * @param topics that are subscribed to
 * @throws ProtocolError INVALID_REQUEST
 */
export function startPosition(from: unknown, topics: readonly string[]): StartPosition {
  if (from === undefined || from === 'latest') return 'latest';
  if (from === 'earliest') return 'earliest';
  if (!isObject(from)) throw refused([{ pointer: POINTER, detail: `must be ${FORMS}` }]);
  if ('timestamp' in from) return timestampPosition(from);
  if (!('offsets' in from)) return { offsets: offsetsByPartition(from, POINTER, topics) };
  refuseOthers(from, ['offsets'], POINTER);
  const { offsets } = from;
  const pointer = `${POINTER}/offsets`;
  if (Array.isArray(offsets)) return { offsets: offsetList(offsets, pointer, topics) };
  if (isObject(offsets)) return { offsets: offsetsByPartition(offsets, pointer, topics) };
  throw refused([{ pointer, detail: 'must be a list of {topic, partition, offset}' }]);
}

function timestampPosition(from: Readonly<Record<string, unknown>>): StartPosition {
  refuseOthers(from, ['timestamp'], POINTER);
  const timestampMs = from['timestamp'];
  if (isWholeNumber(timestampMs, Number.MAX_SAFE_INTEGER)) return { timestampMs };
  const detail = 'must be a whole number of milliseconds since 1970';
  throw refused([{ pointer: `${POINTER}/timestamp`, detail }]);
}

function offsetList(
  list: readonly unknown[],
  pointer: string,
  topics: readonly string[],
): readonly PartitionPosition[] {
  const faults: Fault[] = [];
  const seen = new Set<string>();
  for (const [index, entry] of list.entries()) {
    const at = `${pointer}/${index}`;
    const entryFaults = isObject(entry)
      ? positionFaults(entry, at, topics)
      : [{ pointer: at, detail: 'must be {topic, partition, offset}' }];
    faults.push(...entryFaults);
    if (entryFaults.length > 0 || !isObject(entry)) continue;
    const key = `${String(entry['topic'])}-${String(entry['partition'])}`;
    if (seen.has(key))
      faults.push({ pointer: at, detail: 'names a partition for the second time' });
    seen.add(key);
  }
  if (faults.length > 0) throw refused(faults);
  return (list as readonly PartitionPosition[]).map(withKnownEpoch);
}

/** A fetch answers a leader epoch of null where it is not known: the same as none. */
function withKnownEpoch(position: PartitionPosition): PartitionPosition {
  const { topic, partition, offset, leaderEpoch } = position;
  return leaderEpoch == null ? { topic, partition, offset } : position;
}

function positionFaults(
  entry: Readonly<Record<string, unknown>>,
  pointer: string,
  topics: readonly string[],
): Fault[] {
  const { topic, partition, offset, leaderEpoch, ...others } = entry;
  const faults: Fault[] = [];
  const check = (isRight: boolean, member: string, detail: string): void => {
    if (!isRight) faults.push({ pointer: `${pointer}/${member}`, detail });
  };
  const isOne = typeof topic === 'string' && topics.includes(topic);
  check(isOne, 'topic', 'must be one of the topics of the subscription');
  check(isWholeNumber(partition, INT32_MAX), 'partition', wholeTo(INT32_MAX));
  const offsetMax = Number.MAX_SAFE_INTEGER;
  check(isWholeNumber(offset, offsetMax), 'offset', wholeTo(offsetMax));
  const isEpoch = leaderEpoch == null || isWholeNumber(leaderEpoch, INT32_MAX);
  check(isEpoch, 'leaderEpoch', wholeTo(INT32_MAX));
  return [...faults, ...unknownMembers(Object.keys(others), pointer)];
}

/** `{"0": 12, "1": 7}`: of the only topic there is. */
function offsetsByPartition(
  byPartition: Readonly<Record<string, unknown>>,
  pointer: string,
  topics: readonly string[],
): readonly PartitionPosition[] {
  const [topic] = topics;
  const entries = Object.entries(byPartition);
  if (entries.length === 0 || !entries.every(([name]) => PARTITION_NUMBER.test(name))) {
    throw refused([{ pointer, detail: `must be ${FORMS}` }]);
  }
  if (topic === undefined || topics.length > 1) {
    const detail = 'offsets by partition go with one topic; name the topics in a list of offsets';
    throw refused([{ pointer, detail }]);
  }
  const faults = entries
    .filter(([, offset]) => !isWholeNumber(offset, Number.MAX_SAFE_INTEGER))
    .map(([name]) => ({ pointer: `${pointer}/${name}`, detail: wholeTo(Number.MAX_SAFE_INTEGER) }));
  if (faults.length > 0) throw refused(faults);
  return entries.map(([name, offset]) => ({
    topic,
    partition: Number(name),
    offset: offset as number,
  }));
}

function refuseOthers(value: object, known: readonly string[], pointer: string): void {
  const faults = unknownMembers(
    Object.keys(value).filter((name) => !known.includes(name)),
    pointer,
  );
  if (faults.length > 0) throw refused(faults);
}

function unknownMembers(names: readonly string[], pointer: string): Fault[] {
  return names.map((name) => ({
    pointer: memberPointer(pointer, name),
    detail: `unknown member ${quotedName(name)}`,
  }));
}

function refused(faults: readonly Fault[]): ProtocolError {
  const [first] = faults;
  const detail = first === undefined ? 'is not acceptable' : `${first.pointer}: ${first.detail}`;
  return new ProtocolError('INVALID_REQUEST', `${detail}.`, { faults: faults.slice(0, 20) });
}

function wholeTo(max: number): string {
  return `must be a whole number from 0 to ${max}`;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
