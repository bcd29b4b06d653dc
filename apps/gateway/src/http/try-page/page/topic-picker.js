// Chooses a topic, or creates one.

import { callApi, messageOf } from './gateway-http.js';
import { topicWithNewestRecord } from './newest-topic.js';

/** A suggested name for the first topic. */
export const FIRST_TOPIC = 'hello';

export class TopicPicker {
  #select = document.getElementById('topic');
  #newTopic = document.getElementById('new-topic');
  #form = document.getElementById('new-topic-form');
  #name = document.getElementById('new-topic-name');
  #partitions = document.getElementById('new-topic-partitions');
  #error = document.getElementById('new-topic-error');
  #handlers;
  /** Partitions of each topic, by name. */
  #topics = new Map();

  /** @param handlers onPick(), called when another topic or start position is chosen */
  constructor(handlers) {
    this.#handlers = handlers;
    this.#select.addEventListener('change', () => handlers.onPick());
    // An opened list shows the current topics.
    this.#select.addEventListener('focus', () => void this.refresh().catch(() => undefined));
    for (const radio of document.getElementsByName('from')) {
      radio.addEventListener('change', () => handlers.onPick());
    }
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#create();
    });
  }

  /** Undefined if there is no topic at all. */
  get topic() {
    return this.#select.value === '' ? undefined : this.#select.value;
  }

  get partitionCount() {
    return this.#topics.get(this.topic) ?? 0;
  }

  get from() {
    return document.querySelector('input[name="from"]:checked').value;
  }

  set from(from) {
    for (const radio of document.getElementsByName('from')) radio.checked = radio.value === from;
  }

  /**
   * Reads the list of topics and keeps the choice, or chooses the requested topic. The first time
   * without either it chooses the topic with the newest record.
   */
  async refresh(wanted = this.topic) {
    const { topics } = await callApi('v1/topics');
    const chosen = wanted ?? (await topicWithNewestRecord(topics));
    this.#topics = new Map(topics.map(({ name, partitions }) => [name, partitions.length]));
    const names = [...this.#topics.keys()].toSorted((a, b) => a.localeCompare(b));
    const isSame =
      names.length === this.#select.options.length &&
      names.every((name, index) => this.#select.options[index].value === name);
    // Options stay unchanged while a person may be looking at them.
    if (!isSame) this.#select.replaceChildren(...names.map((name) => new Option(name, name)));
    if (names.includes(chosen)) this.#select.value = chosen;
    this.#select.disabled = names.length === 0;
    if (names.length === 0) this.#proposeFirst();
  }

  #proposeFirst() {
    this.#newTopic.open = true;
    if (this.#name.value === '') this.#name.value = FIRST_TOPIC;
  }

  async #create() {
    this.#error.textContent = '';
    this.#name.removeAttribute('aria-invalid');
    const name = this.#name.value.trim();
    try {
      await callApi('v1/topics', { name, partitions: this.#partitions.valueAsNumber });
      await this.refresh(name);
      this.#newTopic.open = false;
      this.#name.value = '';
      this.#handlers.onPick();
      document.getElementById('value').focus();
    } catch (error) {
      this.#error.textContent = messageOf(error);
      this.#name.setAttribute('aria-invalid', 'true');
      this.#name.focus();
    }
  }
}
