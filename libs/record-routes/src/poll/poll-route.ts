import type { Broker, MemberRecords, PartitionRead, QueueRecords } from '#broker';
import {
  answerCoding,
  chargeQuota,
  type Exchange,
  type LongPoll,
  type MemberTarget,
  writeCompressed,
  writeParts,
} from '#http-front';
import { ProtocolError, type TopicPartition } from '#protocol';
import {
  areRenderedAtOnce,
  type RenderCache,
  type RenderedQueue,
  type RenderRequest,
  renderInSlices,
  renderQueue,
} from '#record-json';
import { topicNamed } from '#security';
import { type PollQuery, pollQuery } from './poll-query.js';

interface PollRouteOptions {
  readonly broker: Broker;
  readonly renderCache: RenderCache;
  readonly compresses: boolean;
}

/** The records of an answer as JSON, and the offset after those of each read. */
interface RenderedReads {
  /** Records separated by commas. */
  readonly chunks: readonly Buffer[];
  readonly count: number;
  readonly sizeBytes: number;
  readonly nextOffsets: readonly number[];
}

const BEGIN = Buffer.from('{"records":[');
const COMMA = Buffer.from(',');

/**
 * `GET /v1/groups/{group}/members/{memberId}/records`: a member's poll.
 *
 * Overlap: all requests may overlap; the broker orders those of one member.
 */
export class PollRoute {
  readonly #options: PollRouteOptions;

  constructor(options: PollRouteOptions) {
    this.#options = options;
  }

  /** @throws ProtocolError if the head alone is refused */
  handle(exchange: Exchange, target: MemberTarget): void {
    const query = pollQuery(exchange.search);
    exchange.context.outbound.assertRoomFor(1);
    this.#answer(exchange, target, query).catch((error: unknown) => {
      exchange.fail(error);
    });
  }

  async #answer(exchange: Exchange, target: MemberTarget, query: PollQuery): Promise<void> {
    const { clock } = exchange.context;
    const endMs = clock.monotonicMs() + query.waitMs;
    let asked = query;
    for (;;) {
      const polled = await this.#poll(exchange, target, asked);
      await this.#assertMayRead(exchange, target, polled.assignment);
      if (exchange.isGone) return;
      if (!('cursorAfter' in polled)) {
        await this.#answerQueue(exchange, polled, asked);
        return;
      }
      const rendered = await this.#render(exchange, polled.reads, asked);
      if (rendered === undefined || exchange.isGone) return;
      const cursor = polled.cursorAfter(rendered.nextOffsets);
      if (!showsGap(polled, rendered)) {
        await this.#send(exchange, rendered, memberJson(polled, cursor));
        return;
      }
      const waitMs = Math.max(0, Math.trunc(endMs - clock.monotonicMs()));
      asked = { ...query, cursor, waitMs };
    }
  }

  /**
   * Removes a member that may no longer read one of its topics, so that others get its partitions
   * and the records that it holds. The answer is that of a poll after the coordinator has removed
   * the member: the next join says which permission is missing.
   * @throws ProtocolError UNKNOWN_MEMBER_ID
   */
  async #assertMayRead(
    { access }: Exchange,
    { group, memberId }: MemberTarget,
    assignment: readonly TopicPartition[],
  ): Promise<void> {
    const mayReadAll = assignment.every(({ topic }) => access.may('Read', topicNamed(topic)));
    if (mayReadAll) return;
    await this.#options.broker.as('broker').groups.leave(group, memberId);
    throw new ProtocolError(
      'UNKNOWN_MEMBER_ID',
      `Member "${memberId}" has left group "${group}": it may no longer read all of its topics.`,
    );
  }

  async #answerQueue(exchange: Exchange, polled: QueueRecords, query: PollQuery): Promise<void> {
    const { generation, assignment, resets, reads } = polled;
    const rendered = await renderQueue(reads, query.format);
    if (exchange.isGone) return;
    // Members of a queue share its partitions: none of them has to give one up.
    const members = { generation, assignment, revoking: [], resets };
    await this.#send(exchange, rendered, JSON.stringify(members).slice(1));
  }

  /** @param members of the answer after the records, with the closing brace */
  async #send(
    exchange: Exchange,
    { chunks, count, sizeBytes }: RenderedQueue,
    members: string,
  ): Promise<void> {
    exchange.context.observer.recordsSent(count, sizeBytes);
    chargeQuota(exchange, 'consumer_byte_rate', sizeBytes);
    const end = Buffer.from(`],${members}\n`);
    const parts = [BEGIN, ...chunks, end];
    const bodyBytes = BEGIN.length + sizeBytes + end.length;
    exchange.context.outbound.assertRoomFor(bodyBytes);
    const coding = this.#options.compresses ? answerCoding(exchange, bodyBytes) : undefined;
    if (coding === undefined) writeParts(exchange, parts, bodyBytes);
    else await writeCompressed(exchange, coding, parts);
  }

  async #poll(
    exchange: Exchange,
    { group, memberId }: MemberTarget,
    query: PollQuery,
  ): Promise<MemberRecords | QueueRecords> {
    const { groups } = this.#options.broker.as(exchange.access.caller);
    let wait: LongPoll | undefined;
    const beginWait = (): AbortSignal => {
      wait = exchange.context.longPolls.enter(exchange);
      return wait.signal;
    };
    try {
      return await groups.poll(group, memberId, { ...query, beginWait });
    } finally {
      wait?.leave();
    }
  }

  /** Undefined when the client has gone. */
  async #render(
    exchange: Exchange,
    reads: readonly PartitionRead[],
    { limit, maxBytes, format }: PollQuery,
  ): Promise<RenderedReads | undefined> {
    const chunks: Buffer[] = [];
    const nextOffsets: number[] = [];
    let count = 0;
    let sizeBytes = 0;
    for (const { topic, partition, offset, batches } of reads) {
      if (count >= limit || (count > 0 && sizeBytes >= maxBytes)) {
        nextOffsets.push(offset);
        continue;
      }
      const request: RenderRequest = {
        topic,
        partition,
        format,
        framing: 'array',
        offset,
        recordsMax: limit - count,
        bytesMax: Math.max(1, maxBytes - sizeBytes),
      };
      const rendered = areRenderedAtOnce(batches, request)
        ? this.#options.renderCache.render(batches, request)
        : await renderInSlices(batches, request, () => !exchange.isGone);
      if (exchange.isGone) return undefined;
      nextOffsets.push(rendered.nextOffset);
      if (rendered.count === 0) continue;
      if (count > 0) {
        chunks.push(COMMA);
        sizeBytes += COMMA.length;
      }
      chunks.push(...rendered.chunks);
      count += rendered.count;
      sizeBytes += rendered.sizeBytes;
    }
    return { chunks, count, sizeBytes, nextOffsets };
  }
}

/**
 * True for reads without a record at or after their positions: compaction removed them. The client
 * would ask again with the cursor, unless the answer has resets, or partitions that the client must
 * release.
 */
function showsGap(polled: MemberRecords, { count }: RenderedReads): boolean {
  const { reads, resets, revoking } = polled;
  return count === 0 && reads.length > 0 && resets.length === 0 && revoking.length === 0;
}

/** The members of the answer after the records, with the closing brace. */
function memberJson(polled: MemberRecords, cursor: string): string {
  const { generation, assignment, revoking, resets } = polled;
  return JSON.stringify({ cursor, generation, assignment, revoking, resets }).slice(1);
}
