import { Controller, Inject } from '@nestjs/common';
import { type Input } from '#api';
import type { Broker, CommittedOffset, OffsetToCommit } from '#broker';
import { type Access, topicNamed } from '#security';
import { BROKER } from '../shared/tokens.js';
import { CallerAccess } from './caller-access.js';
import { commitEntries } from './offset-commit.js';
import { Serves } from './serves.js';

@Controller()
export class GroupsController {
  readonly #broker: Broker;

  constructor(@Inject(BROKER) broker: Broker) {
    this.#broker = broker;
  }

  @Serves('commitOffsets')
  async commitOffsets(
    { group, body }: Input<'commitOffsets'>,
    @CallerAccess() access: Access,
  ): Promise<{ readonly offsets: readonly OffsetToCommit[] }> {
    for (const { topic } of body.offsets) access.assertMay('Read', topicNamed(topic));
    return { offsets: await commitEntries(this.#broker.as(access.caller), group, body.offsets) };
  }

  @Serves('committedOffsets')
  async committedOffsets(
    { group, query }: Input<'committedOffsets'>,
    @CallerAccess() access: Access,
  ): Promise<{ readonly offsets: readonly CommittedOffset[] }> {
    const { topic: asked } = query;
    if (asked !== undefined) access.assertMay('Describe', topicNamed(asked));
    const offsets = await this.#broker.as(access.caller).committedOffsets(group, asked);
    return { offsets: offsets.filter(({ topic }) => access.may('Describe', topicNamed(topic))) };
  }
}
