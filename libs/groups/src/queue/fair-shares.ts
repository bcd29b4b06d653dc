/** A member that can take further records. */
export interface RecordTaker {
  /** Records that it has. */
  readonly held: number;
  /** Records that it can take. */
  readonly room: number;
}

/**
 * Divides records among members: those that have the fewest get the most, so that in the end they
 * have equal numbers as far as there is room.
 * @returns the number of records for each taker, in their order
 */
export function fairShares(takers: readonly RecordTaker[], records: number): number[] {
  const level = levelFor(takers, records);
  const shares = takers.map((taker) => upTo(level, taker));
  let left = records - sum(shares);
  // The rest does not suffice for one more each: the first of those that are equal get it.
  for (const [at, taker] of takers.entries()) {
    if (left === 0) break;
    const share = shares[at] as number;
    if (share >= taker.room || taker.held + share > level) continue;
    shares[at] = share + 1;
    left -= 1;
  }
  return shares;
}

/** The greatest number to which all takers can be raised with the records. */
function levelFor(takers: readonly RecordTaker[], records: number): number {
  let low = 0;
  let high = takers.reduce((most, { held, room }) => Math.max(most, held + room), 0);
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (sum(takers.map((taker) => upTo(middle, taker))) <= records) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Records that raise a taker to a level. */
function upTo(level: number, { held, room }: RecordTaker): number {
  return Math.min(room, Math.max(0, level - held));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
