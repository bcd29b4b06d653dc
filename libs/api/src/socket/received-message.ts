/**
 * Reads the messages of clients from the received bytes:
 *
 *     {"event": "publish", "id"?: "a string" or 1, "data": {"topic": "orders", "records": [...]}}
 *
 * with the members in any order. The data of `publish` is read in the same pass, without creating
 * objects for its records; the data of all other events is a small object.
 */
import { ProtocolError } from '#protocol';
import {
  type DocumentLimits,
  displayedNameAt,
  JsonRecordParser,
  type LargeMemberSink,
  MemberNames,
  MINUS,
  memberPointer,
  NINE,
  OPEN_BRACE,
  QUOTE,
  quotedName,
  type RecordLimits,
  readDocument,
  readObject,
  readObjectInSlices,
  syntaxProblem,
  textOf,
  ZERO,
} from '#record-json';
import type { SlicedWork } from '#runtime';
import { PublishData } from './publish-data.js';
import { CLIENT_MESSAGES, type ClientEvent } from './socket-messages.js';

/** Longest `id`, in bytes of its JSON. */
const ID_BYTES_MAX = 256;

/** Indexes of the names. */
const EVENT = 0;
const DATA = 1;
const NAMES = new MemberNames(['event', 'data', 'id']);

const NO_MESSAGE = 'a message is an object: {"event": ..., "data": {...}}';
const CONTROL_BYTES = 'SLUICE_CONTROL_BYTES_MAX';
/** Distinguishes the message from the objects in it. */
const MESSAGE_OBJECT = -2;

/** Bounds of one message. */
export interface MessageLimits extends RecordLimits, DocumentLimits {
  /** Bytes of the data of any event except `publish`. */
  readonly controlBytesMax: number;
}

/** One message. It can be read once. */
export class ReceivedMessage implements LargeMemberSink {
  /**
   * JSON text of the id. It is set as soon as it is read, because the answer repeats it even if the
   * rest has a fault.
   */
  id: string | undefined;
  /** Data of `publish`; undefined for all other events. */
  publish: PublishData | undefined;
  #event: ClientEvent | undefined;
  readonly #parser: JsonRecordParser;
  #seen = 0;
  #dataStart = -1;
  #dataEnd = -1;
  readonly #limits: MessageLimits;

  /** @param bytes valid UTF-8; they must not change until the records are written */
  constructor(bytes: Buffer, limits: MessageLimits) {
    this.#limits = limits;

    this.#parser = new JsonRecordParser(limits);
    this.#parser.turnTo(bytes, 0, bytes.length);
  }

  /**
   * @returns the event
   * @throws ProtocolError INVALID_REQUEST for a malformed message; for `publish` also the errors of
   *   refused records
   */
  read(): ClientEvent {
    try {
      this.#readEnvelope();
    } catch (error) {
      throw syntaxProblem(error, 'The message');
    }
    return this.#eventOrFaults();
  }

  /**
   * Does the same as `read` in slices, for messages that are too large to read at once.
   * @throws ProtocolError like `read`
   */
  *readInSlices(): SlicedWork<ClientEvent> {
    try {
      yield* this.#readEnvelopeInSlices();
    } catch (error) {
      throw syntaxProblem(error, 'The message');
    }
    return this.#eventOrFaults();
  }

  /**
   * Returns the data of any event except `publish`; an empty object if there is none.
   * @throws ProtocolError INVALID_REQUEST for repeated members; REQUEST_TOO_LARGE for more bytes,
   *   items, members or values than the limits
   */
  data(): unknown {
    if (this.#dataStart < 0) return {};
    const { scanner } = this.#parser;
    const { controlBytesMax } = this.#limits;
    if (this.#dataEnd - this.#dataStart > controlBytesMax) {
      const detail = `the data of this event has at most ${controlBytesMax} bytes`;
      throw new ProtocolError('REQUEST_TOO_LARGE', `/data: ${detail} (${CONTROL_BYTES}).`, {
        faults: [{ pointer: '/data', detail }],
        bound: CONTROL_BYTES,
      });
    }
    const span = { scanner, start: this.#dataStart, pointer: '/data' };
    return readDocument(span, this.#limits).value;
  }

  takeMember(member: number, nameAt: number, valueAt: number): number {
    const { scanner } = this.#parser;
    if (member < 0 || (this.#seen & (1 << member)) !== 0) {
      const name = displayedNameAt(scanner, nameAt);
      const fault = member < 0 ? 'unknown member' : 'repeated member';
      this.#fault(memberPointer('', name), `${fault} ${quotedName(name)}`);
      this.#parser.faults.countMember(MESSAGE_OBJECT);
      return scanner.skipValue(valueAt);
    }
    this.#seen |= 1 << member;
    if (member === DATA) return this.#takeData(valueAt);
    const end = scanner.skipValue(valueAt);
    if (member === EVENT) this.#takeEvent(valueAt);
    else this.#takeId(valueAt, end);
    return end;
  }

  /** The data of a publish is read in slices; the rest was already scanned. */
  takeLargeMember(member: number, valueAt: number): SlicedWork<number> | undefined {
    const isFirst = (this.#seen & (1 << DATA)) === 0;
    if (member !== DATA || !isFirst || this.#event !== 'publish') return undefined;
    if (this.#parser.scanner.byteAt(valueAt) !== OPEN_BRACE) return undefined;
    this.#seen |= 1 << DATA;
    this.publish = new PublishData(this.#parser);
    return this.publish.readInSlices(valueAt);
  }

  #eventOrFaults(): ClientEvent {
    const event = this.#event;
    if (event === undefined || this.#parser.faults.count > 0) throw this.#parser.faults.toError();
    return event;
  }

  #readEnvelope(): void {
    const { scanner } = this.#parser;
    const at = scanner.skipWhitespace(0);
    if (scanner.byteAt(at) !== OPEN_BRACE) {
      scanner.assertEnd(scanner.skipValue(at));
      this.#fault('', NO_MESSAGE);
      return;
    }
    scanner.assertEnd(readObject(scanner, at, NAMES, this));
    // The event may follow the data.
    if (this.#isPublishUnread()) this.#readPublish(this.#dataStart);
  }

  *#readEnvelopeInSlices(): SlicedWork<void> {
    const { scanner } = this.#parser;
    const at = scanner.skipWhitespace(0);
    if (scanner.byteAt(at) !== OPEN_BRACE) {
      yield* scanner.scanAhead(at);
      scanner.assertEnd(scanner.skipValue(at));
      this.#fault('', NO_MESSAGE);
      return;
    }
    scanner.assertEnd(yield* readObjectInSlices(scanner, at, NAMES, this));
    if (!this.#isPublishUnread()) return;
    this.publish = new PublishData(this.#parser);
    yield* this.publish.readInSlices(this.#dataStart);
  }

  /** Records missing members. @returns whether the data of a publish must still be read */
  #isPublishUnread(): boolean {
    if ((this.#seen & (1 << EVENT)) === 0) this.#fault('/event', 'is missing');
    if (this.#event !== 'publish' || this.publish !== undefined) return false;
    if ((this.#seen & (1 << DATA)) === 0) this.#fault('/data', 'is missing');
    return this.#dataStart >= 0;
  }

  #takeEvent(at: number): void {
    const { scanner } = this.#parser;
    if (scanner.byteAt(at) !== QUOTE) {
      this.#fault('/event', 'must be a string');
      return;
    }
    const event = displayedNameAt(scanner, at);
    if (isClientEvent(event)) {
      this.#event = event;
      return;
    }
    const known = Object.keys(CLIENT_MESSAGES).join(', ');
    this.#fault('/event', `unknown event ${quotedName(event)}; clients send ${known}`);
  }

  #takeId(start: number, end: number): void {
    const { scanner } = this.#parser;
    const first = scanner.byteAt(start);
    const isAccepted = first === QUOTE || first === MINUS || (first >= ZERO && first <= NINE);
    if (isAccepted && end - start <= ID_BYTES_MAX) this.id = textOf(scanner, start, end);
    else this.#fault('/id', `must be a string or a number, of at most ${ID_BYTES_MAX} bytes`);
  }

  #takeData(position: number): number {
    const { scanner } = this.#parser;
    if (scanner.byteAt(position) !== OPEN_BRACE) {
      this.#fault('/data', 'must be an object');
      return scanner.skipValue(position);
    }
    if (this.#event === 'publish') return this.#readPublish(position);
    this.#dataStart = position;
    this.#dataEnd = scanner.skipValue(position);
    return this.#dataEnd;
  }

  #readPublish(position: number): number {
    this.publish = new PublishData(this.#parser);
    return this.publish.read(position);
  }

  #fault(pointer: string, detail: string): void {
    this.#parser.faults.add('shape', pointer, detail);
  }
}

function isClientEvent(event: string): event is ClientEvent {
  return Object.hasOwn(CLIENT_MESSAGES, event);
}
