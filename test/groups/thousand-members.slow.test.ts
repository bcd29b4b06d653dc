/** A thousand members of one group that join and leave at the brokers of a cluster at once. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ClusterProcesses } from '../support/cluster-processes.js';
import { until } from '../support/until.js';
import { call, tryJoin } from './rest-member.js';

const TOPIC = 'work';
const GROUP = 'thousand';
const PARTITIONS = 6;
const MEMBERS = 1000;
/** Each member waits for all that came before it, on a machine that may be busy. */
const PATIENCE_MS = 300_000;

interface GroupView {
  readonly members: readonly { readonly assignment: readonly object[] }[];
  readonly partitions: readonly { readonly owner: string | null }[];
}

/** A member that only joins and leaves, and repeats both until they are answered. */
class IdleMember {
  readonly #url: string;

  private constructor(url: string) {
    this.#url = url;
  }

  /** Joins with an id of its own, so that a repeated join adds no other member. */
  static async join(url: string, memberId: string): Promise<IdleMember> {
    const request = { topics: [TOPIC], sessionTimeoutMs: 300_000, memberId };
    await until(
      'the join is answered',
      async () => {
        return (await tryJoin(url, GROUP, request)).status === 201;
      },
      PATIENCE_MS,
    );
    return new IdleMember(`${url}/v1/groups/${GROUP}/members/${memberId}`);
  }

  async leave(): Promise<void> {
    await until(
      'the member has left',
      async () => {
        return (await fetch(this.#url, { method: 'DELETE' })).status === 204;
      },
      PATIENCE_MS,
    );
  }
}

let cluster: ClusterProcesses;

beforeAll(async () => {
  cluster = await ClusterProcesses.start();
  await cluster.createTopic(TOPIC, PARTITIONS);
});

afterAll(() => cluster?.dispose());

async function view(): Promise<GroupView> {
  return (await call(cluster.any.url, 'GET', `/v1/groups/${GROUP}`)).body as GroupView;
}

it('a thousand members join at once, have one owner per partition, and leave at once', {
  timeout: 600_000,
}, async () => {
  const members = await Promise.all(
    Array.from({ length: MEMBERS }, (_, at) => {
      const { url } = cluster.running[at % cluster.running.length] ?? cluster.any;
      return IdleMember.join(url, `member-${at}`);
    }),
  );
  const shared = await until('every partition has an owner', async () => {
    const now = await view();
    const hasOwners = now.partitions.every(({ owner }) => owner !== null);
    return now.partitions.length === PARTITIONS && hasOwners ? now : undefined;
  });
  expect(shared.members).toHaveLength(MEMBERS);
  const owned = shared.members.flatMap(({ assignment }) => assignment);
  expect(owned.map((one) => JSON.stringify(one)).toSorted()).toEqual(
    Array.from({ length: PARTITIONS }, (_, partition) =>
      JSON.stringify({ topic: TOPIC, partition }),
    ),
  );
  await Promise.all(members.map((member) => member.leave()));
  expect(await view()).toMatchObject({ state: 'Empty', members: [] });
});
