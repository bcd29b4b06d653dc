import { type OffsetToCommitDto } from '#api';
import type { Broker, OffsetToCommit } from '#broker';
import { type Fault, ProtocolError } from '#protocol';

/** Commits the entries of a client that is not a member. See `committedEntries`. */
export function commitEntries(
  broker: Broker,
  group: string,
  entries: readonly OffsetToCommitDto[],
): Promise<readonly OffsetToCommit[]> {
  return committedEntries(entries, (offsets) => broker.commitOffsets(group, offsets));
}

/**
 * Commits the entries that have an offset. The answer of `GET .../offsets` is accepted unchanged:
 * an entry whose offset is null leaves the committed offset of its partition unchanged, and
 * `metadata` and `leaderEpoch` of null are the same as absent.
 * @returns the committed entries, in their order
 * @throws ProtocolError of the broker, with pointers into the list that was sent
 */
export async function committedEntries(
  entries: readonly OffsetToCommitDto[],
  commit: (offsets: readonly OffsetToCommit[]) => Promise<void>,
): Promise<readonly OffsetToCommit[]> {
  const indexes: number[] = [];
  const offsets: OffsetToCommit[] = [];
  for (const [index, entry] of entries.entries()) {
    const { topic, partition, offset, leaderEpoch, metadata } = entry;
    if (offset === null) continue;
    indexes.push(index);
    offsets.push({
      topic,
      partition,
      offset,
      ...(leaderEpoch == null ? {} : { leaderEpoch }),
      ...(metadata == null ? {} : { metadata }),
    });
  }
  if (offsets.length === 0) return offsets;
  try {
    await commit(offsets);
  } catch (error) {
    throw indexes.length === entries.length ? error : pointedIntoList(error, indexes);
  }
  return offsets;
}

/** Returns the error with indexes into the list that was sent, in place of the broker's. */
function pointedIntoList(error: unknown, indexes: readonly number[]): unknown {
  if (!(error instanceof ProtocolError)) return error;
  return error.withFaults(error.faults.map((fault) => moved(fault, indexes)));
}

function moved({ pointer, detail }: Fault, indexes: readonly number[]): Fault {
  const moveIndex = (_: string, index: string): string => `/offsets/${indexes[Number(index)]}`;
  return { pointer: pointer.replace(/^\/offsets\/(\d+)/, moveIndex), detail };
}
