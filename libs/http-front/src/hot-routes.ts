import type { RecordsForm } from '#api';
import type { Exchange } from './exchange.js';

/** A request for the records of one partition. */
export interface PartitionTarget {
  readonly topic: string;
  readonly partition: number;
  readonly form: RecordsForm;
}

/** A request for the records of a group's member. */
export interface MemberTarget {
  readonly group: string;
  readonly memberId: string;
}

/** The hot routes. A handler answers now or later, and may throw before it has begun to answer. */
export interface HotRoutes {
  produce(exchange: Exchange, topic: string, form: RecordsForm): void;
  fetch(exchange: Exchange, target: PartitionTarget): void;
  events(exchange: Exchange, topic: string): void;
  poll(exchange: Exchange, target: MemberTarget): void;
}
