import type { Endpoints } from '../connection/endpoints.js';
import { eventsOf, type ServerEvent } from '../connection/event-stream.js';
import {
  type HttpCall,
  type HttpCaller,
  type HttpTransport,
  segment,
} from '../connection/http-caller.js';
import type { Position, RecordJson, TopicPartition } from '../received-record.js';
import {
  hasCode,
  isRetriable,
  networkError,
  type ProblemJson,
  problemError,
  SluiceError,
} from '../sluice-error.js';
import { childOf, observed, sleep } from '../waiting.js';
import type { SubscriptionRequest } from './options.js';
import type { RecordSource, SourceState } from './record-source.js';

/** Partitions of one stream; the gateway accepts no more. */
const STREAM_PARTITIONS_MAX = 64;
/** Time without a byte after which a stream counts as dead, ms: heartbeats come more often. */
const SILENCE_MS_MAX = 60_000;
/** First characters of a topic's id, at the end of an event's id. */
const TOPIC_DIGITS = 8;
/** Interval at which a topic that needs several streams is checked for new partitions, ms. */
const GROWTH_CHECK_MS = 30_000;

interface TopicJson {
  readonly partitions: readonly { readonly partition: number }[];
}

/** The partitions of a topic that one stream reads. */
interface StreamShare {
  readonly topic: string;
  readonly partitions: readonly number[];
  /** True: the stream has all partitions, also those that are added later. */
  readonly isWhole: boolean;
}

/** State of a stream that goes on with its next connection. */
interface StreamState {
  hasPositions: boolean;
  /** Id of the last event; undefined before the first. */
  lastEventId: string | undefined;
}

/**
 * A subscription over HTTP: one stream of server-sent events for up to 64 partitions of a topic. A
 * stream that breaks begins again at the positions that were reached.
 *
 * Overlap: streams overlap; each fills the buffer only while there is room.
 */
export class EventStreamSource implements RecordSource {
  readonly #caller: HttpCaller;
  readonly #endpoints: Endpoints;
  readonly #request: SubscriptionRequest;
  readonly #state: SourceState;
  readonly #closing = new AbortController();
  #streamsWithoutPositions = 0;

  constructor(
    { caller, endpoints }: HttpTransport,
    request: SubscriptionRequest,
    state: SourceState,
  ) {
    this.#caller = caller;
    this.#endpoints = endpoints;
    this.#request = request;
    this.#state = state;
    void this.#begin();
  }

  read(): void {
    // Streams wait for the buffer themselves.
  }

  close(): Promise<void> {
    this.#closing.abort();
    return Promise.resolve();
  }

  async #begin(): Promise<void> {
    try {
      const shares = (await Promise.all(this.#request.topics.map((topic) => this.#sharesOf(topic))))
        .flat()
        .filter(({ partitions }) => partitions.length > 0);
      await this.#placeStart(shares);
      this.#streamsWithoutPositions = shares.length;
      for (const share of shares) void this.#run(share);
    } catch (error) {
      this.#fail(error);
    }
  }

  async #sharesOf(topic: string): Promise<StreamShare[]> {
    const described = await this.#get<TopicJson>(`/v1/topics/${segment(topic)}`);
    const all = described.partitions.map(({ partition }) => partition);
    const { partitions } = this.#request;
    const wanted = partitions ?? all;
    if (wanted.length > STREAM_PARTITIONS_MAX && partitions === undefined) {
      const check = (): Promise<void> => this.#checkGrowth(topic, all.length);
      void observed(sleep(GROWTH_CHECK_MS, this.#closing.signal).then(check));
    }
    const isWhole = partitions === undefined && wanted.length <= STREAM_PARTITIONS_MAX;
    const shares: StreamShare[] = [];
    for (let at = 0; at < wanted.length; at += STREAM_PARTITIONS_MAX) {
      const share = wanted.slice(at, at + STREAM_PARTITIONS_MAX);
      shares.push({ topic, partitions: share, isWhole });
    }
    return shares;
  }

  /** Reads partitions that were added to a topic of several streams, from their beginning. */
  async #checkGrowth(topic: string, known: number): Promise<void> {
    if (this.#closing.signal.aborted) return;
    const shares = await this.#sharesOf(topic).catch(() => []);
    for (const share of shares) {
      const partitions = share.partitions.filter((partition) => partition >= known);
      for (const partition of partitions) {
        this.#state.progress.place({ topic, partition, offset: 0 });
      }
      const added = { ...share, partitions };
      if (partitions.length > 0) void this.#run(added);
    }
  }

  /** Places the partitions of a saved position, and those of a time. */
  async #placeStart(shares: readonly StreamShare[]): Promise<void> {
    const { from } = this.#request;
    const { progress } = this.#state;
    // A stream resolves the ends of the log by itself.
    if (typeof from === 'string') return;
    if ('offsets' in from) Object.assign(this.#state.progress.topicIds, from.topicIds);
    const targets = shares.flatMap(({ topic, partitions }) =>
      partitions.map((partition) => ({ topic, partition })),
    );
    const place = async ({ topic, partition }: TopicPartition): Promise<void> => {
      if ('offsets' in from) {
        const saved = from.offsets.find(
          (position) => position.topic === topic && position.partition === partition,
        );
        progress.place(saved ?? { topic, partition, offset: 0 });
        return;
      }
      const offset = await this.#offsetAt(topic, partition, from.timestamp);
      progress.place({ topic, partition, offset });
    };
    await Promise.all(targets.map(place));
  }

  async #offsetAt(topic: string, partition: number, begin: number | string): Promise<number> {
    const path = `/v1/topics/${segment(topic)}/partitions/${partition}/offsets`;
    const ask = (at: number | string): Promise<{ readonly offset: number | null }> =>
      this.#get(path, { at });
    return (await ask(begin)).offset ?? (await ask('latest')).offset ?? 0;
  }

  /** Asks for a document of the gateway, again while the failure may pass. */
  #get<T>(path: string, query?: HttpCall['query']): Promise<T> {
    const { signal } = this.#closing;
    const call = (): Promise<T> => this.#caller.json<T>({ method: 'GET', path, query, signal });
    return this.#endpoints.again(call, signal);
  }

  /** Keeps a stream open until the subscription ends. Never rejects. */
  async #run(share: StreamShare): Promise<void> {
    const { backoff, drop } = this.#endpoints.backoff();
    const state: StreamState = { hasPositions: false, lastEventId: undefined };
    try {
      while (!this.#closing.signal.aborted) {
        try {
          await this.#read(share, state, () => backoff.reset());
        } catch (error) {
          if (!isRetriable(error)) throw error;
        }
        await backoff.wait(this.#closing.signal);
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      drop();
    }
  }

  async #read(share: StreamShare, state: StreamState, onEvents: () => void): Promise<void> {
    const silence = new Silence(this.#closing.signal);
    try {
      const response = await this.#caller.response({
        method: 'GET',
        path: `/v1/topics/${segment(share.topic)}/events`,
        query: this.#query(share),
        headers: this.#resumeHeader(share, state),
        signal: silence.controller.signal,
        timeoutMs: 0,
      });
      if (response.body === null) return;
      for await (const events of eventsOf(response.body, () => silence.start())) {
        onEvents();
        this.#take(share, state, events);
        if (!state.hasPositions) {
          state.hasPositions = true;
          this.#positioned();
        }
        silence.stop();
        await this.#room();
        silence.start();
      }
    } catch (error) {
      this.#closing.signal.throwIfAborted();
      if (error instanceof SluiceError) throw error;
      throw networkError('the stream of events broke', 'failed', error);
    } finally {
      silence.end();
    }
  }

  #query({ partitions, isWhole }: StreamShare): HttpCall['query'] {
    const { from, autoOffsetReset, format } = this.#request;
    return {
      ...(typeof from === 'string' ? { from } : {}),
      ...(isWhole ? {} : { partitions: partitions.join(',') }),
      autoOffsetReset,
      format,
    };
  }

  /** The id of the last event; before the first one, saved positions in the form of such an id. */
  #resumeHeader(
    { topic, partitions, isWhole }: StreamShare,
    { lastEventId }: StreamState,
  ): Record<string, string> {
    if (lastEventId !== undefined) return { 'Last-Event-ID': lastEventId };
    const { progress } = this.#state;
    const saved = progress
      .all()
      .filter((one) => one.topic === topic && (isWhole || partitions.includes(one.partition)))
      .toSorted((one, other) => one.partition - other.partition)
      .map(({ partition, received, leaderEpoch }) =>
        [partition, received, leaderEpoch ?? []].flat().join(':'),
      )
      .join();
    if (saved === '') return {};
    const topicId = progress.topicIds[topic];
    // A topic may have the name of a function of every object.
    const isKnown = typeof topicId === 'string';
    return { 'Last-Event-ID': isKnown ? `${saved};${topicId.slice(0, TOPIC_DIGITS)}` : saved };
  }

  #take({ topic }: StreamShare, state: StreamState, events: readonly ServerEvent[]): void {
    let run: RecordJson[] = [];
    const flush = (): void => {
      const [first] = run;
      if (first !== undefined) this.#push(first, run);
      run = [];
    };
    for (const { event, data, id } of events) {
      state.lastEventId = id ?? state.lastEventId;
      if (event !== 'record') {
        flush();
        this.#other(topic, event, data, id);
        continue;
      }
      const record = JSON.parse(data) as RecordJson;
      if (run[0] !== undefined && run[0].partition !== record.partition) flush();
      run.push(record);
    }
    flush();
    for (const [partition, , leaderEpoch] of positionsIn(state.lastEventId)) {
      const reached = this.#state.progress.get(topic, partition);
      if (reached !== undefined) reached.leaderEpoch = leaderEpoch;
    }
  }

  #push({ topic, partition }: RecordJson, records: readonly RecordJson[]): void {
    const { progress, buffer } = this.#state;
    const reached =
      progress.get(topic, partition) ?? progress.place({ topic, partition, offset: 0 });
    buffer.push(reached, records, (records.at(-1)?.offset ?? 0) + 1);
  }

  #other(topic: string, event: string, data: string, id: string | undefined): void {
    const { progress } = this.#state;
    if (event === 'error') throw streamError(problemError(JSON.parse(data) as ProblemJson));
    if (event === 'reset') progress.place(JSON.parse(data) as Position);
    if (event !== 'position' && event !== '') return;
    const topicId = id?.split(';')[1];
    if (topicId !== undefined) progress.topicIds[topic] = topicId;
    for (const [partition, offset] of positionsIn(id)) {
      if (progress.get(topic, partition) === undefined)
        progress.place({ topic, partition, offset });
    }
  }

  #positioned(): void {
    this.#streamsWithoutPositions -= 1;
    const { ready, progress } = this.#state;
    if (this.#streamsWithoutPositions === 0) ready.resolve(progress.positions('given'));
  }

  /** Waits until the buffer has room for the records of another chunk. */
  async #room(): Promise<void> {
    const { buffer } = this.#state;
    while (buffer.records >= this.#request.bufferRecords && !this.#closing.signal.aborted) {
      await buffer.read.wait();
    }
  }

  #fail(error: unknown): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#state.fail(error);
  }
}

/** The positions in the id of an event, `partition:offset:leaderEpoch,...;topic`. */
function positionsIn(id: string | undefined): Numbers[] {
  const positions = id?.split(';')[0]?.split(',') ?? [];
  return positions.map((text) => text.split(':').map(Number) as Numbers);
}

type Numbers = [partition: number, offset: number, leaderEpoch?: number];

/** The error of a stream whose credential has expired passes: the next stream has a newer one. */
function streamError(error: SluiceError): SluiceError {
  if (!hasCode(error, 'SASL_AUTHENTICATION_FAILED')) return error;
  return networkError('the credential of the stream has expired', 'failed', error);
}

/** Ends a stream that has been silent for too long, as a connection that is cut off is. */
class Silence {
  readonly controller: AbortController;
  readonly #release: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(parent: AbortSignal) {
    const { controller, release } = childOf(parent);
    this.controller = controller;
    this.#release = release;
    this.start();
  }

  start(): void {
    this.stop();
    this.#timer = setTimeout(() => {
      this.controller.abort(networkError('the stream of events is silent', 'failed'));
    }, SILENCE_MS_MAX);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  end(): void {
    this.stop();
    this.#release();
  }
}
