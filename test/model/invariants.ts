/** The invariants of every state: I1, I3, I11 to I13 of docs/INVARIANTS.md. */
import { type Cluster, isLeading } from './cluster.js';
import { name } from './metadata-steps.js';

/** @returns the violation; null: none */
export function violationIn(cluster: Cluster): string | null {
  return (
    cluster.fault ??
    missingRecord(cluster) ??
    lostRecord(cluster) ??
    fallenHighWatermark(cluster) ??
    difference(cluster) ??
    fallenEpoch(cluster) ??
    versionGivenTwice(cluster)
  );
}

/** Every acknowledged record is on a disk. */
function missingRecord({ brokers, acknowledged }: Cluster): string | null {
  for (const [offset, { record }] of acknowledged.entries()) {
    if (brokers.some(({ log }) => log[offset]?.record === record)) continue;
    return `no broker has r${record} any more, which was acknowledged at ${offset}`;
  }
  return null;
}

/** A leader has every record that was acknowledged under an earlier leader. */
function lostRecord({ brokers, acknowledged }: Cluster): string | null {
  for (const [id, broker] of brokers.entries()) {
    const { known, log } = broker;
    if (known === null || !isLeading(broker, id)) continue;
    for (const [offset, { record, reign }] of acknowledged.entries()) {
      if (reign < known.partition.reign && log[offset]?.record !== record) {
        return `${name(id)} leads without r${record}, which was acknowledged at ${offset}`;
      }
    }
  }
  return null;
}

function fallenHighWatermark({ brokers, acknowledged }: Cluster): string | null {
  for (const [id, broker] of brokers.entries()) {
    const { known, highWatermark } = broker;
    if (known === null || !isLeading(broker, id)) continue;
    const { electionId } = known.partition;
    const reached = acknowledged.findLastIndex((record) => record.electionId === electionId) + 1;
    if (highWatermark < reached) {
      return `the high watermark of ${name(id)} fell from ${reached} to ${highWatermark} in one epoch`;
    }
  }
  return null;
}

/** Two replicas are equal below the lower of their known high watermarks. */
function difference({ brokers }: Cluster): string | null {
  for (const [id, one] of brokers.entries()) {
    for (let other = 0; other < id; other += 1) {
      const another = brokers[other];
      if (another === undefined) continue;
      const end = Math.min(one.highWatermark, another.highWatermark);
      for (let offset = 0; offset < end; offset += 1) {
        const record = one.log[offset]?.record;
        if (record !== another.log[offset]?.record) {
          return `${name(other)} and ${name(id)} differ at ${offset}, below both high watermarks`;
        }
      }
    }
  }
  return null;
}

/** Epochs rise along a log, and each has one election: truncation depends on it. */
function fallenEpoch({ brokers }: Cluster): string | null {
  for (const [id, { log }] of brokers.entries()) {
    for (const [offset, entry] of log.entries()) {
      const before = log[offset - 1];
      if (before === undefined || before.leaderEpoch < entry.leaderEpoch) continue;
      if (before.leaderEpoch === entry.leaderEpoch && before.electionId === entry.electionId)
        continue;
      return `the log of ${name(id)} has epoch ${entry.leaderEpoch} after ${before.leaderEpoch}`;
    }
  }
  return null;
}

/** Metadata is one line: the version that a broker knows is on it, or before all of it. */
function versionGivenTwice({ redis: { line, isConfirmed }, brokers }: Cluster): string | null {
  const first = line[0];
  if (!isConfirmed || first === undefined) return null;
  for (const [id, { known }] of brokers.entries()) {
    if (known === null || known.version < first.version) continue;
    if (line.some(({ changeId }) => changeId === known.changeId)) continue;
    return `${name(id)} knows version ${known.version}, which was used again`;
  }
  return null;
}
