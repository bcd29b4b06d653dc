/**
 * A reader of `text/event-stream`, written from the HTML standard's section 9.2.6 (interpreting an
 * event stream) and independent of the encoder. Bytes may arrive in any pieces.
 */
export interface ReceivedEvent {
  readonly type: string;
  readonly data: string;
  readonly lastEventId: string;
}

export class EventSourceParser {
  /** Events that were dispatched and not consumed yet. */
  readonly events: ReceivedEvent[] = [];
  /** The value that an EventSource would send as `Last-Event-ID`. */
  lastEventId = '';
  retryMs: number | undefined;
  comments = 0;
  readonly #decoder = new TextDecoder();
  #line = '';
  #isAfterCr = false;
  #data = '';
  #type = '';
  #id = '';

  feed(bytes: Uint8Array): void {
    for (const character of this.#decoder.decode(bytes, { stream: true })) this.#take(character);
  }

  #take(character: string): void {
    const isLfOfCrlf = this.#isAfterCr && character === '\n';
    this.#isAfterCr = character === '\r';
    if (isLfOfCrlf) return;
    if (character === '\r' || character === '\n') {
      const line = this.#line;
      this.#line = '';
      this.#takeLine(line);
    } else {
      this.#line += character;
    }
  }

  #takeLine(line: string): void {
    if (line === '') {
      this.#dispatch();
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) {
      this.comments += 1;
      return;
    }
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    this.#takeField(field, value);
  }

  #takeField(field: string, value: string): void {
    if (field === 'event') this.#type = value;
    else if (field === 'data') this.#data += `${value}\n`;
    else if (field === 'id' && !value.includes('\0')) this.#id = value;
    else if (field === 'retry' && /^\d+$/.test(value)) this.retryMs = Number(value);
  }

  #dispatch(): void {
    this.lastEventId = this.#id;
    if (this.#data !== '') {
      const data = this.#data.slice(0, -1);
      this.events.push({ type: this.#type || 'message', data, lastEventId: this.#id });
    }
    this.#data = '';
    this.#type = '';
  }
}
