// One worker: a member of a consumer group over the page's WebSocket.

import { messageOf, problemText } from './gateway-http.js';
import { element, partitionHue } from './record-table.js';

/** Records that the gateway may send before more are granted. */
const CREDIT_RECORDS = 100;
/** Delay before a refused or ended membership is requested again. */
const RETRY_MS = 1000;

/**
 * A worker with its box on the page: the partitions that it reads, how many records it has handled,
 * and the last one. Showing a record is its work; credit is granted for shown records, once per
 * frame of the screen, and with `autoCommit` that commits them.
 */
export class GroupWorker {
  static #count = 0;

  #socket;
  #parts;
  /** {topic, group} while the worker is running. */
  #job;
  /** Name of the current subscription; late events of another one are ignored. */
  #name;
  #isMember = false;
  #partitions = new Set();
  #handledCount = 0;
  /** Records that arrived and are not shown yet. */
  #waitingCount = 0;
  #lastRecord;
  #isShowScheduled = false;
  #timer;

  /**
   * @param box the element of the worker, with children of the classes worker-state,
   *   worker-partitions, worker-count and worker-last, and a button
   */
  constructor(socket, box) {
    this.#socket = socket;
    const part = (name) => box.querySelector(name);
    this.#parts = {
      box,
      state: part('.worker-state'),
      partitions: part('.worker-partitions'),
      count: part('.worker-count'),
      last: part('.worker-last'),
      button: part('button'),
    };
    this.#show('');
  }

  get isRunning() {
    return this.#job !== undefined;
  }

  start(topic, group) {
    this.stop();
    this.#job = { topic, group };
    this.#handledCount = 0;
    this.#lastRecord = undefined;
    void this.#join();
  }

  /** Leaves the group, which gives its partitions to the other members at once. */
  stop() {
    this.#job = undefined;
    clearTimeout(this.#timer);
    if (this.#isMember) this.#socket.send('unsubscribe', { subscription: this.#name });
    this.#end('Stopped');
  }

  /** Becomes a member again; call it for every new connection. */
  connected() {
    if (this.isRunning) void this.#join();
  }

  /** Ends the membership; call it when the connection breaks. */
  disconnected() {
    clearTimeout(this.#timer);
    if (this.isRunning) this.#end('Waiting for the connection');
  }

  /** Handles an event that the gateway sent without a request. */
  received(event, data) {
    if (!this.isRunning || data?.subscription !== this.#name) return;
    if (event === 'records') this.#receivedRecords(data.records);
    else if (event === 'assigned') this.#assigned(data.partitions);
    else if (event === 'revoked') this.#revoked(data.partitions);
    else if (event === 'error') this.#joinLater(problemText(data));
  }

  async #join() {
    clearTimeout(this.#timer);
    if (!this.#socket.isOpen) return;
    GroupWorker.#count += 1;
    const name = `worker-${GroupWorker.#count}`;
    this.#end('Joining');
    this.#name = name;
    const { topic, group } = this.#job;
    const request = { subscription: name, topic, group, from: 'latest', autoCommit: true };
    try {
      const answer = await this.#socket.request(
        'subscribe',
        JSON.stringify({ ...request, credit: CREDIT_RECORDS }),
      );
      if (this.#name !== name) {
        this.#socket.send('unsubscribe', { subscription: name });
        return;
      }
      this.#isMember = true;
      this.#assigned(answer.positions);
    } catch (error) {
      if (this.#name === name) this.#joinLater(messageOf(error));
    }
  }

  #joinLater(reason) {
    this.#end(reason);
    this.#timer = setTimeout(() => void this.#join(), RETRY_MS);
  }

  #end(state) {
    this.#name = undefined;
    this.#isMember = false;
    this.#partitions.clear();
    this.#waitingCount = 0;
    this.#show(state);
  }

  #assigned(partitions) {
    for (const { partition } of partitions) this.#partitions.add(partition);
    this.#showWork();
  }

  #revoked(partitions) {
    for (const { partition } of partitions) this.#partitions.delete(partition);
    this.#showWork();
  }

  #receivedRecords(records) {
    this.#handledCount += records.length;
    this.#waitingCount += records.length;
    this.#lastRecord = records.at(-1) ?? this.#lastRecord;
    if (this.#isShowScheduled) return;
    this.#isShowScheduled = true;
    requestAnimationFrame(() => {
      this.#isShowScheduled = false;
      if (this.isRunning) this.#handleRecords();
    });
  }

  #handleRecords() {
    this.#showWork();
    if (!this.#isMember || this.#waitingCount === 0) return;
    this.#socket.send('credit', { subscription: this.#name, records: this.#waitingCount });
    this.#waitingCount = 0;
  }

  #showWork() {
    this.#show(this.#partitions.size === 0 ? 'No partition is left for it' : 'Working');
  }

  #show(state) {
    const { box, state: stateText, partitions, count, last, button } = this.#parts;
    box.dataset.state = this.#partitions.size > 0 ? 'working' : 'idle';
    stateText.textContent = state;
    partitions.replaceChildren(
      ...[...this.#partitions].toSorted((a, b) => a - b).map(partitionMark),
    );
    const records = this.#handledCount === 1 ? 'record' : 'records';
    count.textContent = `${this.#handledCount.toLocaleString()} ${records}`;
    last.textContent =
      this.#lastRecord === undefined
        ? ''
        : `last: partition ${this.#lastRecord.partition}, offset ${this.#lastRecord.offset}`;
    button.textContent = this.isRunning ? 'Stop' : 'Start';
  }
}

function partitionMark(partition) {
  const mark = element('li', { className: 'partition' }, String(partition));
  mark.style.setProperty('--partition-hue', partitionHue(partition));
  return mark;
}
