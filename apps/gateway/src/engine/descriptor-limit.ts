import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';

/** Descriptors of the process itself: its libraries, threads, log, listeners and peers. */
const PROCESS_DESCRIPTORS = 64;
/** Connections over the limit that are accepted only to receive an error (HttpFront). */
const CONNECTIONS_OVER_LIMIT = 128;
/** Descriptors held open so that the log can always get one. */
const SPARE_DESCRIPTORS = 8;
/** Segment files that stay open while unused; there are more if connections leave some over. */
const OPEN_FILES_MAX = 1024;
const OPEN_FILES_MIN = 32;
const OPEN_FILES_LEFT_OVER_MAX = 65_536;

/** A gateway with fewer descriptors cannot serve clients and also keep some for its log. */
export const DESCRIPTORS_MIN = 256;

/** Shares of a process's descriptors. */
export interface DescriptorShares {
  /** Connections that are accepted. */
  readonly connectionsMax: number;
  /** Segment files that are kept open while unused. */
  readonly openFilesMax: number;
  readonly spareDescriptors: number;
  /** Sentences for the operator, one for each limit that does not fit. */
  readonly warnings: readonly string[];
}

/** Descriptors in use and the limit; undefined if the system does not say. */
export interface DescriptorStatus {
  readonly inUse: number;
  readonly limit: number;
}

/**
 * Shares the descriptors of a process between connections and files, so that clients can never take
 * the ones that the log needs.
 * @param limit undefined: unknown, so nothing is lowered
 * @param operatorsConnections connections beyond these, which the operators' listener accepts
 */
export function shareDescriptors(
  limit: number | undefined,
  connectionsMax: number,
  operatorsConnections = 0,
): DescriptorShares {
  const spareDescriptors = SPARE_DESCRIPTORS;
  if (limit === undefined) {
    return { connectionsMax, openFilesMax: OPEN_FILES_MAX, spareDescriptors, warnings: [] };
  }
  const reservedDescriptors =
    PROCESS_DESCRIPTORS + CONNECTIONS_OVER_LIMIT + operatorsConnections + spareDescriptors;
  const shareable = Math.max(0, limit - reservedDescriptors);
  const segmentFiles = Math.max(
    OPEN_FILES_MIN,
    Math.min(OPEN_FILES_MAX, Math.floor(shareable / 2)),
  );
  const leftOver = Math.min(OPEN_FILES_LEFT_OVER_MAX, shareable - connectionsMax);
  const openFilesMax = Math.max(segmentFiles, leftOver);
  // Files in use may exceed the bound by the number of files that are read and written at a time.
  const accepted = Math.max(1, Math.min(connectionsMax, shareable - openFilesMax));
  if (accepted === connectionsMax) {
    return { connectionsMax, openFilesMax, spareDescriptors, warnings: [] };
  }
  const warning =
    `The process may have ${limit} files open (ulimit -n): ${accepted} connections are accepted ` +
    `instead of the ${connectionsMax} of SLUICE_CONNECTIONS_MAX, and the rest is kept for the log. ` +
    `Raise the limit to ${connectionsMax + OPEN_FILES_MAX + reservedDescriptors}.`;
  return { connectionsMax: accepted, openFilesMax, spareDescriptors, warnings: [warning] };
}

/** Returns the limit of this process's descriptors; undefined if the system does not say. */
export function descriptorLimit(): number | undefined {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const match = /^Max open files +(\d+)/m.exec(limits);
    return match === null ? undefined : Number(match[1]);
  } catch {
    return undefined;
  }
}

/**
 * Counts the descriptors that this process has open. The system takes milliseconds to list
 * thousands of them, so they are listed on another thread.
 */
export async function descriptorStatus(
  limit: number | undefined,
): Promise<DescriptorStatus | undefined> {
  if (limit === undefined) return undefined;
  try {
    // One of them was that of the directory itself.
    return { inUse: (await readdir('/proc/self/fd')).length - 1, limit };
  } catch {
    // Not even the directory of descriptors can be opened, so all of them are in use.
    return { inUse: limit, limit };
  }
}
