import { Controller, Inject } from '@nestjs/common';
import { GROUP_LIST_DEFAULT, type Input, type Problem, present, problemDocument } from '#api';
import type {
  Broker,
  GroupConfigsDescription,
  GroupDescription,
  GroupList,
  MemberState,
  OffsetMove,
  OffsetResetTarget,
  OffsetToCommit,
} from '#broker';
import type { TopicPartition } from '#protocol';
import { BROKER } from '../shared/tokens.js';
import { committedEntries } from './offset-commit.js';
import { Serves } from './serves.js';

/** One ack as it is answered. */
type AckResult = TopicPartition & { readonly offset: number; readonly error?: Problem };

/** Groups, their members and their offsets. */
@Controller()
export class GroupMembersController {
  readonly #broker: Broker;

  constructor(@Inject(BROKER) broker: Broker) {
    this.#broker = broker;
  }

  @Serves('listGroups')
  listGroups({ query: { after, limit } }: Input<'listGroups'>): Promise<GroupList> {
    const page = after === undefined ? {} : { after };
    return this.#broker.groups.list({ ...page, limit: limit ?? GROUP_LIST_DEFAULT });
  }

  @Serves('describeGroup')
  describeGroup({ group }: Input<'describeGroup'>): Promise<GroupDescription> {
    return this.#broker.groups.describe(group);
  }

  @Serves('deleteGroup')
  async deleteGroup({ group }: Input<'deleteGroup'>): Promise<void> {
    await this.#broker.groups.delete(group);
  }

  @Serves('joinGroup')
  joinGroup({ group, body }: Input<'joinGroup'>): Promise<MemberState> {
    return this.#broker.groups.join(group, present(body));
  }

  @Serves('acknowledgeRecords')
  async acknowledgeRecords({ group, memberId, body }: Input<'acknowledgeRecords'>): Promise<{
    readonly acks: readonly AckResult[];
  }> {
    const acks = body.acks.map((ack) => present(ack));
    const results = await this.#broker.groups.acknowledge(group, memberId, acks);
    const member = `${encodeURIComponent(group)}/members/${encodeURIComponent(memberId)}`;
    const instance = `/v1/groups/${member}/acks`;
    return {
      acks: results.map(({ error, ...ack }) => {
        return error === undefined
          ? ack
          : { ...ack, error: problemDocument(error, instance, { isWrite: true }) };
      }),
    };
  }

  @Serves('heartbeat')
  heartbeat({ group, memberId, body }: Input<'heartbeat'>): Promise<MemberState> {
    return this.#broker.groups.heartbeat(group, memberId, body?.generation);
  }

  @Serves('commitAsMember')
  async commitAsMember({
    group,
    memberId,
    body,
  }: Input<'commitAsMember'>): Promise<{ readonly offsets: readonly OffsetToCommit[] }> {
    const { generation } = body;
    const offsets = await committedEntries(body.offsets, (entries) =>
      this.#broker.groups.commitAsMember({ group, memberId, generation, offsets: entries }),
    );
    return { offsets };
  }

  @Serves('leaveGroup')
  async leaveGroup({ group, memberId }: Input<'leaveGroup'>): Promise<void> {
    await this.#broker.groups.leave(group, memberId);
  }

  @Serves('groupConfigs')
  groupConfigs({ group }: Input<'groupConfigs'>): Promise<GroupConfigsDescription> {
    return this.#broker.groups.configs(group);
  }

  @Serves('alterGroupConfigs')
  alterGroupConfigs({ group, body }: Input<'alterGroupConfigs'>): Promise<GroupConfigsDescription> {
    return this.#broker.groups.alterConfigs(group, body.configs);
  }

  @Serves('resetOffsets')
  async resetOffsets({
    group,
    body,
  }: Input<'resetOffsets'>): Promise<{ readonly offsets: readonly OffsetMove[] }> {
    const { topic, partitions, to, dryRun = false } = body;
    const request = { topic, to: resetTarget(to), dryRun };
    const chosen = partitions === undefined ? request : { ...request, partitions };
    return { offsets: await this.#broker.groups.resetOffsets(group, chosen) };
  }
}

function resetTarget(to: Input<'resetOffsets'>['body']['to']): OffsetResetTarget {
  if (typeof to === 'string' || !('timestamp' in to)) return to;
  return { timestampMs: to.timestamp };
}
