import { Controller, Inject } from '@nestjs/common';
import { type Input } from '#api';
import type { Broker, CommittedOffset, OffsetToCommit } from '#broker';
import { BROKER } from '../shared/tokens.js';
import { commitEntries } from './offset-commit.js';
import { Serves } from './serves.js';

@Controller()
export class GroupsController {
  readonly #broker: Broker;

  constructor(@Inject(BROKER) broker: Broker) {
    this.#broker = broker;
  }

  @Serves('commitOffsets')
  async commitOffsets({
    group,
    body,
  }: Input<'commitOffsets'>): Promise<{ readonly offsets: readonly OffsetToCommit[] }> {
    return { offsets: await commitEntries(this.#broker, group, body.offsets) };
  }

  @Serves('committedOffsets')
  async committedOffsets({
    group,
    query,
  }: Input<'committedOffsets'>): Promise<{ readonly offsets: readonly CommittedOffset[] }> {
    return { offsets: await this.#broker.committedOffsets(group, query.topic) };
  }
}
