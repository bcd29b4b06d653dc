/**
 * The security metadata of a cluster in Redis: each method is one script or command, on the keys of
 * security-keys.ts, over a connection of its own.
 *
 * Overlap: all calls may overlap; Redis runs each script or command as one atomic step.
 */
import type { Revocation, SecurityPosition } from '#security';
import type { RebuildRound, RebuildRounds } from '../registry/rebuild-rounds.js';
import type {
  SecurityCommitReply,
  SecurityRead,
  SecurityRegistry,
  StoredCommit,
  StoredRevocation,
} from '../security/security-registry.js';
import { RedisConnection } from './redis-connection.js';
import { RedisRebuildRounds, roundText, type ViewCodec } from './redis-rebuild-rounds.js';
import type { RedisRegistryOptions } from './redis-registry.js';
import type { StreamEntry } from './registry-codec.js';
import { SecurityKeys } from './security-keys.js';

const COMMITS_PER_READ = 50;
const CALL_TIMEOUT_MS = 1000;
const SCAN_COUNT = '1000';

type ReadReply = [
  version: string | null,
  confirmation: string | null,
  isConfirmed: number,
  knownChangeId: string | null,
  snapshot: string | null,
  revocationCount: number,
  commits: StreamEntry[],
];

/** Views are signed texts, which this class does not read. */
const VIEWS: ViewCodec<string> = { encode: (view) => view, decode: (text) => text };

export class RedisSecurityRegistry implements SecurityRegistry {
  readonly rebuilds: RebuildRounds<string>;
  readonly #keys: SecurityKeys;
  readonly #connection: RedisConnection;
  #onReady: (() => void) | undefined;

  constructor(options: RedisRegistryOptions) {
    const { clusterId, brokerId } = options;
    this.#keys = new SecurityKeys(clusterId);
    this.#connection = new RedisConnection({
      ...options,
      callTimeoutMs: CALL_TIMEOUT_MS,
      name: `sluice-${clusterId}-${brokerId}-security`,
      onReady: () => this.#onReady?.(),
      onLost: () => undefined,
    });
    this.rebuilds = new RedisRebuildRounds(this.#connection, this.#keys, VIEWS);
  }

  get isReady(): boolean {
    return this.#connection.isReady;
  }

  get lastError(): unknown {
    return this.#connection.lastError;
  }

  listen(onReady: () => void): void {
    this.#onReady = onReady;
  }

  async read(knownVersion: number): Promise<SecurityRead> {
    const { version, commits, confirmation, snapshot, revocations } = this.#keys;
    const reply = await this.#connection.script<ReadReply>(
      'sluiceReadSecurity',
      [version, commits, confirmation, snapshot, revocations],
      [String(knownVersion), String(COMMITS_PER_READ)],
    );
    const [text, confirmedBy, isConfirmed, knownChangeId, snapshotText, count, entries] = reply;
    return {
      position: positionOf(text),
      confirmedBy: confirmedBy ?? undefined,
      isConfirmed: isConfirmed === 1,
      knownChangeId: knownChangeId ?? undefined,
      snapshot: snapshotText ?? undefined,
      revocationCount: count,
      commits: entries.map(commitOf),
    };
  }

  commit(
    before: SecurityPosition,
    commit: StoredCommit,
    timeoutMs: number,
  ): Promise<SecurityCommitReply> {
    const { version, commits, confirmation } = this.#keys;
    return this.#connection.script<SecurityCommitReply>(
      'sluiceCommitSecurity',
      [version, commits, confirmation],
      [
        positionText(before),
        String(commit.version),
        commit.changeId,
        commit.previousChangeId,
        commit.changes,
        commit.signature,
      ],
      timeoutMs,
    );
  }

  async putChunks(changeId: string, firstIndex: number, chunks: readonly string[]): Promise<void> {
    const fields = chunks.flatMap((chunk, offset) => [String(firstIndex + offset), chunk]);
    const key = this.#keys.chunks(changeId);
    await this.#connection.call((client) => client.hset(key, ...fields));
  }

  async chunks(
    changeId: string,
    firstIndex: number,
    count: number,
  ): Promise<readonly (string | undefined)[]> {
    const indexes = Array.from({ length: count }, (_, offset) => String(firstIndex + offset));
    const key = this.#keys.chunks(changeId);
    const texts = await this.#connection.call<(string | null)[]>((client) =>
      client.hmget(key, ...indexes),
    );
    return texts.map((text) => text ?? undefined);
  }

  async removeChunks(changeId: string): Promise<void> {
    await this.#connection.call((client) => client.del(this.#keys.chunks(changeId)));
  }

  async installSnapshot(position: SecurityPosition, snapshot: string): Promise<boolean> {
    const keys = this.#keys;
    const isInstalled = await this.#connection.script<number>(
      'sluiceInstallSecuritySnapshot',
      [keys.version, keys.commits, keys.confirmation, keys.snapshot],
      [String(position.version), position.changeId, snapshot, keys.chunks('')],
    );
    return isInstalled === 1;
  }

  async revocations(): Promise<readonly StoredRevocation[]> {
    const found = new Map<string, string>();
    let cursor = '0';
    do {
      const [next, fields] = await this.#connection.call<[string, string[]]>((client) =>
        client.hscan(this.#keys.revocations, cursor, 'COUNT', SCAN_COUNT),
      );
      for (let index = 0; index + 1 < fields.length; index += 2) {
        found.set(fields[index] ?? '', fields[index + 1] ?? '');
      }
      cursor = next;
    } while (cursor !== '0');
    return Array.from(found, ([subject, value]) => revocationOf(subject, value));
  }

  async putRevocations(revocations: readonly StoredRevocation[]): Promise<void> {
    if (revocations.length === 0) return;
    const fields = revocations.flatMap(({ subject, keptUntilMs, signature }) => [
      subject,
      `${signature} ${keptUntilMs ?? ''}`,
    ]);
    await this.#connection.call((client) => client.hset(this.#keys.revocations, ...fields));
  }

  async removeRevocations(subjects: readonly string[]): Promise<void> {
    await this.#connection.call((client) => client.hdel(this.#keys.revocations, ...subjects));
  }

  async publishJournaled(brokerId: number, version: number): Promise<void> {
    const key = this.#keys.journaled(brokerId);
    await this.#connection.call((client) => client.set(key, String(version)));
  }

  async journaledVersions(brokerIds: readonly number[]): Promise<readonly number[]> {
    if (brokerIds.length === 0) return [];
    const keys = brokerIds.map((id) => this.#keys.journaled(id));
    const texts = await this.#connection.call<(string | null)[]>((client) => client.mget(...keys));
    return texts.flatMap((text) => (text === null ? [] : [Number(text)]));
  }

  async installRebuilt(
    round: RebuildRound,
    position: SecurityPosition,
    snapshot: string,
  ): Promise<boolean> {
    const keys = this.#keys;
    const isInstalled = await this.#connection.script<number>(
      'sluiceInstallRebuiltSecurity',
      [
        keys.version,
        keys.commits,
        keys.confirmation,
        keys.snapshot,
        keys.rebuild,
        keys.rebuildViews,
      ],
      [roundText(round), positionText(position), snapshot, keys.chunks('')],
    );
    return isInstalled === 1;
  }

  close(): void {
    this.#connection.close();
  }
}

/** The position in a text of Redis; undefined when it has not the shape of one. */
function positionOf(text: string | null): SecurityPosition | undefined {
  const match = /^(\d{1,16}) (\S+)$/.exec(text ?? '');
  if (match === null) return undefined;
  return { version: Number(match[1]), changeId: match[2] ?? '' };
}

function commitOf([id, fields]: StreamEntry): StoredCommit {
  const values = new Map<string, string>();
  for (let index = 0; index + 1 < fields.length; index += 2) {
    values.set(fields[index] ?? '', fields[index + 1] ?? '');
  }
  return {
    version: Number(id.split('-', 1)[0]),
    changeId: values.get('id') ?? '',
    previousChangeId: values.get('previous') ?? '',
    changes: values.get('changes') ?? '',
    signature: values.get('signature') ?? '',
  };
}

function revocationOf(subject: string, value: string): StoredRevocation {
  const [signature = '', keptUntil = ''] = value.split(' ', 2);
  const revocation: Revocation = {
    subject,
    keptUntilMs: keptUntil === '' ? null : Number(keptUntil),
  };
  return { ...revocation, signature };
}

function positionText({ version, changeId }: SecurityPosition): string {
  return `${version} ${changeId}`;
}
