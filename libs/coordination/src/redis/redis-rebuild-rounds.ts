import type { RebuildRound, RebuildRounds } from '../registry/rebuild-rounds.js';
import type { RedisConnection } from './redis-connection.js';

/** The keys that rebuilds of one registry use. */
export interface RebuildKeys {
  readonly rebuild: string;
  readonly rebuildViews: string;
  readonly confirmation: string;
  readonly givenUp: string;
}

/** The text of a view in Redis. */
export interface ViewCodec<View> {
  readonly encode: (view: View) => string;
  readonly decode: (text: string) => View;
}

type RebuildReply = [number: string, id: string, views: string[]] | null;

/**
 * The rounds of rebuilds of one registry in Redis.
 *
 * Overlap: all calls may overlap; Redis runs each script or command as one atomic step.
 */
export class RedisRebuildRounds<View> implements RebuildRounds<View> {
  readonly #connection: RedisConnection;
  readonly #keys: RebuildKeys;
  readonly #codec: ViewCodec<View>;

  constructor(connection: RedisConnection, keys: RebuildKeys, codec: ViewCodec<View>) {
    this.#connection = connection;
    this.#keys = keys;
    this.#codec = codec;
  }

  async current(): Promise<RebuildRound | undefined> {
    const reply = await this.#read();
    return reply === null ? undefined : { number: Number(reply[0]), id: reply[1] };
  }

  async begin(
    before: RebuildRound | undefined,
    confirmedBefore: string | undefined,
    round: RebuildRound,
  ): Promise<void> {
    const { rebuild, rebuildViews, confirmation } = this.#keys;
    await this.#connection.script(
      'sluiceBeginRebuild',
      [rebuild, rebuildViews, confirmation],
      [before === undefined ? '' : roundText(before), confirmedBefore ?? '', roundText(round)],
    );
  }

  async publish(round: RebuildRound, brokerId: number, view: View): Promise<void> {
    const { rebuild, rebuildViews } = this.#keys;
    await this.#connection.script(
      'sluicePublishView',
      [rebuild, rebuildViews],
      [roundText(round), String(brokerId), this.#codec.encode(view)],
    );
  }

  async views(round: RebuildRound): Promise<readonly View[]> {
    const reply = await this.#read();
    return reply?.[1] === round.id ? reply[2].map(this.#codec.decode) : [];
  }

  async givenUpBrokers(): Promise<readonly number[]> {
    const ids = await this.#connection.call<string[]>((client) =>
      client.smembers(this.#keys.givenUp),
    );
    return ids.map(Number);
  }

  #read(): Promise<RebuildReply> {
    const { rebuild, rebuildViews } = this.#keys;
    return this.#connection.script<RebuildReply>('sluiceReadRebuild', [rebuild, rebuildViews], []);
  }
}

/** The round as scripts compare it. */
export function roundText({ number, id }: RebuildRound): string {
  return `${number} ${id}`;
}
