import { Controller, Inject } from '@nestjs/common';
import { GROUP_LIST_DEFAULT, type Input, type Problem, present, problemDocument } from '#api';
import {
  type Broker,
  DEAD_LETTER_TOPIC_CONFIG,
  type GroupConfigsDescription,
  type GroupDescription,
  type GroupList,
  type Groups,
  type MemberHeartbeatState,
  type MemberState,
  type OffsetMove,
  type OffsetResetTarget,
  type OffsetToCommit,
} from '#broker';
import type { TopicPartition } from '#protocol';
import { type Access, topicNamed } from '#security';
import { BROKER } from '../shared/tokens.js';
import { CallerAccess } from './caller-access.js';
import { committedEntries } from './offset-commit.js';
import { Serves } from './serves.js';
import { readableTopics } from './topics-of-member.js';
import { visibleGroup, visibleGroups } from './visible-group.js';

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
  listGroups(
    { query: { after, limit } }: Input<'listGroups'>,
    @CallerAccess() access: Access,
  ): Promise<GroupList> {
    return visibleGroups(access, this.#broker, after, limit ?? GROUP_LIST_DEFAULT);
  }

  @Serves('describeGroup')
  async describeGroup(
    { group }: Input<'describeGroup'>,
    @CallerAccess() access: Access,
  ): Promise<GroupDescription> {
    return visibleGroup(await this.#groupsOf(access).describe(group), access);
  }

  @Serves('deleteGroup')
  async deleteGroup(
    { group }: Input<'deleteGroup'>,
    @CallerAccess() access: Access,
  ): Promise<void> {
    await this.#groupsOf(access).delete(group);
  }

  @Serves('joinGroup')
  async joinGroup(
    { group, body }: Input<'joinGroup'>,
    @CallerAccess() access: Access,
  ): Promise<MemberState> {
    const topics = await readableTopics(access, this.#broker, body.topics);
    return this.#groupsOf(access).join(group, Object.assign(present(body), { topics }));
  }

  @Serves('acknowledgeRecords')
  async acknowledgeRecords(
    { group, memberId, body }: Input<'acknowledgeRecords'>,
    @CallerAccess() access: Access,
  ): Promise<{ readonly acks: readonly AckResult[] }> {
    for (const { topic } of body.acks) access.assertMay('Read', topicNamed(topic));
    const acks = body.acks.map((ack) => present(ack));
    const results = await this.#groupsOf(access).acknowledge(group, memberId, acks);
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
  heartbeat(
    { group, memberId, body }: Input<'heartbeat'>,
    @CallerAccess() access: Access,
  ): Promise<MemberHeartbeatState> {
    return this.#groupsOf(access).heartbeat(group, memberId, body?.generation);
  }

  @Serves('commitAsMember')
  async commitAsMember(
    { group, memberId, body }: Input<'commitAsMember'>,
    @CallerAccess() access: Access,
  ): Promise<{ readonly offsets: readonly OffsetToCommit[] }> {
    for (const { topic } of body.offsets) access.assertMay('Read', topicNamed(topic));
    const { generation } = body;
    const offsets = await committedEntries(body.offsets, (entries) =>
      this.#groupsOf(access).commitAsMember({ group, memberId, generation, offsets: entries }),
    );
    return { offsets };
  }

  @Serves('leaveGroup')
  async leaveGroup(
    { group, memberId }: Input<'leaveGroup'>,
    @CallerAccess() access: Access,
  ): Promise<void> {
    await this.#groupsOf(access).leave(group, memberId);
  }

  @Serves('groupConfigs')
  groupConfigs(
    { group }: Input<'groupConfigs'>,
    @CallerAccess() access: Access,
  ): Promise<GroupConfigsDescription> {
    return this.#groupsOf(access).configs(group);
  }

  @Serves('alterGroupConfigs')
  alterGroupConfigs(
    { group, body }: Input<'alterGroupConfigs'>,
    @CallerAccess() access: Access,
  ): Promise<GroupConfigsDescription> {
    assertMayNameDeadLetters(access, body.configs);
    return this.#groupsOf(access).alterConfigs(group, body.configs);
  }

  @Serves('resetOffsets')
  async resetOffsets(
    { group, body }: Input<'resetOffsets'>,
    @CallerAccess() access: Access,
  ): Promise<{ readonly offsets: readonly OffsetMove[] }> {
    access.assertMay('Read', topicNamed(body.topic));
    const { topic, partitions, to, dryRun = false } = body;
    const request = { topic, to: resetTarget(to), dryRun };
    const chosen = partitions === undefined ? request : { ...request, partitions };
    return { offsets: await this.#groupsOf(access).resetOffsets(group, chosen) };
  }

  #groupsOf({ caller }: Access): Groups {
    return this.#broker.as(caller).groups;
  }
}

function resetTarget(to: Input<'resetOffsets'>['body']['to']): OffsetResetTarget {
  if (typeof to === 'string' || !('timestamp' in to)) return to;
  return { timestampMs: to.timestamp };
}

/**
 * The group writes to its dead-letter topic with the rights of the gateway: naming it needs those
 * rights.
 * @throws ProtocolError TOPIC_AUTHORIZATION_FAILED
 */
function assertMayNameDeadLetters(
  access: Access,
  configs: Readonly<Record<string, unknown>>,
): void {
  const topic = configs[DEAD_LETTER_TOPIC_CONFIG];
  if (typeof topic !== 'string' || topic === '') return;
  if (!access.may('Create', topicNamed(topic))) access.assertMay('Write', topicNamed(topic));
}
