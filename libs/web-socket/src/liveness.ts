/**
 * Decides which connections are dead, from observations at intervals.
 *
 * A reader may be arbitrarily slow. While bytes wait for it, a ping waits after them and a missing
 * pong means nothing: then the reader must make some progress within a long time. A pong can be
 * expected only from a reader that has received everything.
 *
 * The gateway cannot see what the client has received, because the system buffers megabytes. So all
 * bytes sent since the last answered ping may still be unread, and if they are more than a few, a
 * missing pong means nothing. (The system itself reports a host that is gone, when nobody
 * acknowledges its packets.)
 */

/** More bytes than this since the last answered ping may keep a slow reader from the next ping. */
const UNREAD_BYTES_MAX = 4096;
/** Intervals without a pong after which a connection is dead. */
const PONG_INTERVALS_MAX = 2;

/** Observation of a connection. All bytes are counted from its beginning. */
export interface ConnectionObservation {
  readonly receivedBytes: number;
  /** Bytes written to the connection, whether or not the system has accepted them. */
  readonly writtenBytes: number;
  /** The part of them that the system has not accepted. */
  readonly pendingBytes: number;
  /** True while the gateway does not read from it, so that it would not see a pong. */
  readonly isPaused: boolean;
}

export type LivenessVerdict =
  | 'alive'
  /** The connection is alive and should get a ping. */
  | 'ping'
  /** It received everything and does not answer. */
  | 'dead'
  /** It received none of its waiting bytes, and sent nothing, for a very long time. */
  | 'stalled';

/** Judges one connection. */
export class Liveness {
  readonly #stalledTimeoutMs: number;
  #receivedBytes = 0;
  #takenBytes = 0;
  /** Time at which it last received or sent anything. */
  #movedAtMs: number;
  /** Bytes written before the unanswered ping; -1 if there is none. */
  #pingedAtBytes = -1;
  /** Bytes written that were read, as an answered ping proves. */
  #readBytes = 0;
  #silentIntervals = 0;

  constructor(nowMs: number, stalledTimeoutMs: number) {
    this.#movedAtMs = nowMs;
    this.#stalledTimeoutMs = stalledTimeoutMs;
  }

  /**
   * Records a pong.
   * @param position bytes that were written before the ping that it answers
   */
  ponged(position: number): void {
    this.#readBytes = Math.max(this.#readBytes, position);
    if (position >= this.#pingedAtBytes) this.#pingedAtBytes = -1;
  }

  /** Call it once per interval. */
  judge(seen: ConnectionObservation, nowMs: number): LivenessVerdict {
    const takenBytes = seen.writtenBytes - seen.pendingBytes;
    const hasSent = seen.receivedBytes !== this.#receivedBytes;
    if (hasSent || takenBytes !== this.#takenBytes) this.#movedAtMs = nowMs;
    this.#takenBytes = takenBytes;
    this.#receivedBytes = seen.receivedBytes;
    if (seen.pendingBytes > 0) return this.#judgeByMovement(nowMs);
    if (this.#pingedAtBytes < 0) {
      this.#pingedAtBytes = seen.writtenBytes;
      this.#silentIntervals = 0;
      return 'ping';
    }
    if (this.#pingedAtBytes - this.#readBytes > UNREAD_BYTES_MAX) {
      return this.#judgeByMovement(nowMs);
    }
    this.#silentIntervals = hasSent || seen.isPaused ? 0 : this.#silentIntervals + 1;
    return this.#silentIntervals >= PONG_INTERVALS_MAX ? 'dead' : 'alive';
  }

  #judgeByMovement(nowMs: number): LivenessVerdict {
    this.#silentIntervals = 0;
    return nowMs - this.#movedAtMs >= this.#stalledTimeoutMs ? 'stalled' : 'alive';
  }
}
