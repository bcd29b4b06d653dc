/**
 * Which connections are dead: the decision alone, made from what is seen of a connection at
 * intervals.
 *
 * A reader may be as slow as it likes. While bytes wait for it, a ping waits behind them and its
 * pong says nothing: then what counts is that it takes some of them, once in a long time. Only of
 * one who has taken everything a pong can be expected.
 *
 * What it has taken is not seen: the system takes megabytes on its behalf. So all that was sent
 * since the last answered ping may still be before it, and where that is more than a little, no
 * pong is missed. (Of a host that is gone the system tells, when nobody acknowledges what it
 * sends.)
 */

/** More than this, sent since the last answered ping, may keep a slow reader from the next one. */
const UNREAD_BYTES_MAX = 4096;
/** Intervals without a pong after which a connection is dead. */
const PONG_INTERVALS_MAX = 2;

/** What is seen of a connection. All bytes are counted from its beginning. */
export interface ConnectionSight {
  readonly receivedBytes: number;
  /** Handed to the connection, whether or not the system has taken them. */
  readonly writtenBytes: number;
  /** Of those, what the system has not taken. */
  readonly pendingBytes: number;
  /** We do not read from it at present: a pong would not be seen. */
  readonly isPaused: boolean;
}

export type Verdict =
  | 'alive'
  /** Alive, and to be sent a ping. */
  | 'ping'
  /** It took everything and answers nothing. */
  | 'dead'
  /** It has taken nothing of what waits for it, and sent nothing, for a very long time. */
  | 'stalled';

/** Judges one connection. */
export class Liveness {
  readonly #stalledTimeoutMs: number;
  #receivedBytes = 0;
  #takenBytes = 0;
  /** When it last took or sent anything. */
  #movedAtMs: number;
  /** Bytes written before the ping that is not answered; -1: none is out. */
  #pingedAtBytes = -1;
  /** Bytes written of which an answered ping says that they were read. */
  #readBytes = 0;
  #silentIntervals = 0;

  constructor(nowMs: number, stalledTimeoutMs: number) {
    this.#movedAtMs = nowMs;
    this.#stalledTimeoutMs = stalledTimeoutMs;
  }

  /** A pong came. */
  ponged(): void {
    if (this.#pingedAtBytes < 0) return;
    this.#readBytes = this.#pingedAtBytes;
    this.#pingedAtBytes = -1;
  }

  /** To be called once an interval. */
  judge(seen: ConnectionSight, nowMs: number): Verdict {
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

  #judgeByMovement(nowMs: number): Verdict {
    this.#silentIntervals = 0;
    return nowMs - this.#movedAtMs >= this.#stalledTimeoutMs ? 'stalled' : 'alive';
  }
}
