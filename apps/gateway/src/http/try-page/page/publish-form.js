// Publishing one record.

import { messageOf, ProblemError } from './gateway-http.js';
import { ConnectionLostError } from './gateway-socket.js';

export class PublishForm {
  #form = document.getElementById('publish-form');
  #value = document.getElementById('value');
  #key = document.getElementById('key');
  #partition = document.getElementById('partition');
  #button = document.getElementById('publish');
  #result = document.getElementById('publish-result');
  #socket;
  #topic;

  constructor(socket) {
    this.#socket = socket;
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#publish();
    });
    this.#form.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      if (!this.#button.disabled) this.#form.requestSubmit();
    });
  }

  /** @param topic undefined if there is no topic to publish to */
  setTopic(topic, partitionCount) {
    if (topic !== this.#topic) this.#showResult('');
    this.#topic = topic;
    this.#button.disabled = topic === undefined;
    const chosen = this.#partition.value;
    const numbers = Array.from({ length: partitionCount }, (_, number) => String(number));
    this.#partition.replaceChildren(
      new Option('any', ''),
      ...numbers.map((number) => new Option(number, number)),
    );
    if (numbers.includes(chosen)) this.#partition.value = chosen;
  }

  async #publish() {
    const value = this.#valueMember();
    if (value === undefined) return;
    const members = [value];
    if (this.#key.value !== '') members.push(`"key":${JSON.stringify(this.#key.value)}`);
    if (this.#partition.value !== '') members.push(`"partition":${this.#partition.value}`);
    const topic = JSON.stringify(this.#topic);
    const startedMs = performance.now();
    try {
      const dataText = `{"topic":${topic},"records":[{${members.join(',')}}]}`;
      const { offsets } = await this.#socket.request('publish', dataText);
      const [{ partition, offset, error }] = offsets;
      if (error !== undefined) throw new ProblemError(error);
      const tookMs = Math.max(1, Math.round(performance.now() - startedMs));
      this.#showResult(
        `Stored: partition ${partition}, offset ${offset}, in ${tookMs} ms.`,
        'good',
      );
    } catch (error) {
      const isUnknown = error instanceof ConnectionLostError;
      const hint = isUnknown ? ' If the record was stored, it appears in the list.' : '';
      this.#showResult(messageOf(error) + hint, 'bad');
    }
  }

  /**
   * Returns the record's value as a member of the frame: JSON as it was typed, text as its bytes.
   * Shows an error and returns undefined if the value is not JSON.
   */
  #valueMember() {
    const text = this.#value.value;
    const isJson = new FormData(this.#form).get('kind') === 'json';
    this.#value.removeAttribute('aria-invalid');
    if (!isJson) return `"valueBase64":"${base64Of(text)}"`;
    try {
      JSON.parse(text);
      return `"value":${text}`;
    } catch (error) {
      this.#value.setAttribute('aria-invalid', 'true');
      this.#value.focus();
      this.#showResult(
        `The value is not JSON: ${error.message}. Choose Text to send it unchanged.`,
        'bad',
      );
      return undefined;
    }
  }

  #showResult(text, outcome = '') {
    this.#result.textContent = text;
    this.#result.dataset.outcome = outcome;
  }
}

function base64Of(text) {
  const bytes = new TextEncoder().encode(text);
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}
