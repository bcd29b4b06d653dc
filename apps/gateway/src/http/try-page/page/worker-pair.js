// Two workers that share the shown topic.

import { GroupWorker } from './group-worker.js';

/** Runs the two workers of the page in one consumer group, whose name a person may change. */
export class WorkerPair {
  #workers;
  #group = document.getElementById('group-name');
  #command = document.getElementById('group-command');
  #topic;

  constructor(socket) {
    const boxes = [...document.querySelectorAll('.worker')];
    this.#workers = boxes.map((box) => new GroupWorker(socket, box));
    for (const [index, box] of boxes.entries()) {
      box.querySelector('button').addEventListener('click', () => this.#toggle(index));
    }
    this.#group.addEventListener('change', () => this.#restart());
    this.#showCommand();
  }

  /** @param topic undefined if there is no topic to read */
  setTopic(topic) {
    if (topic === this.#topic) return;
    this.#topic = topic;
    for (const button of document.querySelectorAll('.worker button')) {
      button.disabled = topic === undefined;
    }
    this.#restart();
  }

  connected() {
    for (const worker of this.#workers) worker.connected();
  }

  disconnected() {
    for (const worker of this.#workers) worker.disconnected();
  }

  received(event, data) {
    for (const worker of this.#workers) worker.received(event, data);
  }

  #toggle(index) {
    const worker = this.#workers[index];
    if (worker.isRunning) worker.stop();
    else worker.start(this.#topic, this.#group.value);
  }

  /** Moves the workers that are running to the current topic and group. */
  #restart() {
    if (this.#group.value.trim() === '') this.#group.value = this.#group.defaultValue;
    this.#showCommand();
    for (const worker of this.#workers) {
      if (!worker.isRunning) continue;
      if (this.#topic === undefined) worker.stop();
      else worker.start(this.#topic, this.#group.value);
    }
  }

  #showCommand() {
    const path = `v1/groups/${encodeURIComponent(this.#group.value)}`;
    this.#command.textContent = `curl '${new URL(path, document.baseURI).href}'`;
  }
}
