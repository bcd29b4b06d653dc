// The subscription to one topic.

import { callApi, messageOf, ProblemError, problemText } from './gateway-http.js';
import { ConnectionLostError } from './gateway-socket.js';

/** Records that the gateway may send before more are granted. */
const WINDOW_RECORDS = 1000;
/** Records of all partitions that are shown first if the page begins with the newest. */
const NEWEST_RECORDS = 100;
/** Delay before a subscription that was refused temporarily is requested again. */
const REFUSED_RETRY_MS = 1000;

/**
 * Follows one topic over any number of connections: every record once and in order.
 *
 * It keeps the next offset of each partition, and sends it whenever it subscribes again. It
 * receives no more records than the page can show: credit is granted for shown records, once per
 * frame of the screen. A paused or hidden page therefore holds a bounded number of records, and all
 * later ones wait in the log.
 */
export class LiveTopic {
  static #count = 0;

  #socket;
  #handlers;
  #from;
  /** Name of the current subscription; late events of another one are ignored. */
  #name;
  #isSubscribed = false;
  #isClosed = false;
  #isPaused = false;
  /** Next position of each partition: {offset, leaderEpoch} by partition. */
  #positions = new Map();
  /** Records received but not shown. */
  #waiting = [];
  /** Records shown without new credit so far. */
  #uncreditedCount = 0;
  #frame;
  #timer;

  /**
   * @param {{topic: string, from: 'newest' | 'latest' | 'earliest'}} start
   * @param handlers onRecords(records), onLive(isLive), onGap(text), onEnd(text)
   */
  constructor(socket, start, handlers) {
    this.topic = start.topic;
    this.#from = start.from;
    this.#socket = socket;
    this.#handlers = handlers;
    void this.subscribe();
  }

  get isPaused() {
    return this.#isPaused;
  }

  get waitingCount() {
    return this.#waiting.length;
  }

  /** Next offset that has not arrived, by partition. */
  get offsets() {
    return new Map([...this.#positions].map(([partition, { offset }]) => [partition, offset]));
  }

  pause() {
    this.#isPaused = true;
  }

  resume() {
    this.#isPaused = false;
    this.#scheduleShow();
  }

  /** Ends it; no handler is called afterwards. */
  close() {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
    if (this.#isSubscribed) this.#socket.send('unsubscribe', { subscription: this.#name });
  }

  /** Subscribes; call it for every new connection. */
  async subscribe() {
    clearTimeout(this.#timer);
    if (this.#isClosed || !this.#socket.isOpen) return;
    LiveTopic.#count += 1;
    const name = `try-${LiveTopic.#count}`;
    this.#name = name;
    this.#uncreditedCount = 0;
    const from = await this.#startPosition().catch((error) => {
      if (!this.#isClosed && this.#name === name) this.#refused(error);
    });
    if (from === undefined || this.#isClosed || this.#name !== name || !this.#socket.isOpen) return;
    const request = {
      subscription: name,
      topic: this.topic,
      from,
      // Records that retention deleted meanwhile must not block the others; onGap reports them.
      autoOffsetReset: 'earliest',
      credit: WINDOW_RECORDS - this.#waiting.length,
    };
    try {
      const { positions } = await this.#socket.request('subscribe', JSON.stringify(request));
      if (this.#isClosed) this.#socket.send('unsubscribe', { subscription: name });
      else if (this.#name === name) this.#subscribed(positions);
    } catch (error) {
      if (!this.#isClosed && this.#name === name) this.#refused(error);
    }
  }

  /** Ends the subscription; call it when the connection breaks. */
  disconnected() {
    this.#setSubscribed(false);
  }

  /** Handles an event that the gateway sent without a request. */
  received(event, data) {
    if (this.#isClosed || data?.subscription !== this.#name) return;
    if (event === 'records') this.#receivedRecords(data);
    else if (event === 'assigned') this.#receivedAssigned(data);
    else if (event === 'reset') this.#handlers.onGap(this.#moveTo(data.partition, data.offset));
    else if (event === 'error') this.#receivedError(data);
  }

  /** Returns the positions of the partitions in the form of `subscribe`. */
  async #startPosition() {
    if (this.#positions.size === 0) {
      return this.#from === 'newest' ? { offsets: await newestOffsets(this.topic) } : this.#from;
    }
    const offsets = [...this.#positions].map(([partition, { offset, leaderEpoch }]) => ({
      topic: this.topic,
      partition,
      offset,
      ...(leaderEpoch === undefined ? {} : { leaderEpoch }),
    }));
    return { offsets };
  }

  #subscribed(positions) {
    const jumps = positions.map(({ partition, offset }) => this.#moveTo(partition, offset));
    this.#setSubscribed(true);
    const sentences = jumps.filter((jump) => jump !== undefined);
    if (sentences.length > 0) this.#handlers.onGap(sentences.join(' '));
  }

  #refused(error) {
    if (error instanceof ConnectionLostError) return;
    if (error instanceof ProblemError && error.problem.retriable === true) {
      this.#timer = setTimeout(() => void this.subscribe(), REFUSED_RETRY_MS);
    } else {
      this.#handlers.onEnd(messageOf(error));
    }
  }

  #receivedRecords({ partition, records, leaderEpoch }) {
    this.#waiting.push(...records);
    this.#positions.set(partition, { offset: records.at(-1).offset + 1, leaderEpoch });
    this.#scheduleShow();
  }

  /** The topic grew: its new partitions are read from their first record. */
  #receivedAssigned({ partitions }) {
    for (const { partition } of partitions) this.#moveTo(partition, 0);
    this.#handlers.onLive(true);
  }

  #receivedError(problem) {
    if (problem.partition === undefined) {
      this.#setSubscribed(false);
      this.#handlers.onEnd(problemText(problem));
    } else {
      this.#handlers.onGap(problemText(problem));
    }
  }

  /** Sets the next offset of a partition. Returns a sentence if it is not where reading stopped. */
  #moveTo(partition, offset) {
    const previous = this.#positions.get(partition);
    if (previous?.offset === offset) return undefined;
    this.#positions.set(partition, { offset });
    if (previous === undefined) return undefined;
    return (
      `Partition ${partition}: the record at offset ${previous.offset} is not in the log any more ` +
      `(retention, or the topic was created again). Continuing at offset ${offset}.`
    );
  }

  #setSubscribed(isSubscribed) {
    this.#isSubscribed = isSubscribed;
    this.#handlers.onLive(isSubscribed);
  }

  #scheduleShow() {
    if (this.#isPaused || this.#isClosed || this.#waiting.length === 0) return;
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      if (!this.#isPaused) this.#show();
    });
  }

  #show() {
    const records = this.#waiting;
    this.#waiting = [];
    this.#handlers.onRecords(records);
    this.#uncreditedCount += records.length;
    if (!this.#isSubscribed || this.#uncreditedCount < WINDOW_RECORDS / 2) return;
    this.#socket.send('credit', { subscription: this.#name, records: this.#uncreditedCount });
    this.#uncreditedCount = 0;
  }
}

/** Positions of a topic so that about NEWEST_RECORDS of its last records are read. */
async function newestOffsets(topic) {
  const { partitions } = await callApi(`v1/topics/${encodeURIComponent(topic)}`);
  const count = Math.max(1, Math.floor(NEWEST_RECORDS / partitions.length));
  return partitions.map(({ partition, logStartOffset, highWatermark }) => ({
    topic,
    partition,
    offset: Math.max(logStartOffset ?? 0, (highWatermark ?? 0) - count),
  }));
}
