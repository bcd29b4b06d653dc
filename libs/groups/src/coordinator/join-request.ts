import { FaultList, ProtocolError, topicNameFault } from '#protocol';
import type { Random } from '#runtime';
import type { AssignorName, AutoOffsetReset, GroupMode } from '../log/group-records.js';
import { AUTO_OFFSET_RESET_CONFIG } from '../queue/queue-config.js';
import type { JoinCommand } from '../state/decide-membership.js';
import type { TopicCatalog } from '../state/decision.js';
import type { Group } from '../state/group.js';
import { TopicPattern } from '../state/topic-pattern.js';

/** A topic by name, or all topics whose whole names match a pattern in RE2 syntax. */
export type TopicChoice = string | { readonly pattern: string };

/** A client's request to become a member. */
export interface JoinRequest {
  /** Chosen by the client, so that it can repeat a join whose answer was lost. */
  readonly memberId?: string;
  /** Makes the member static: a process with the same name takes over its partitions. */
  readonly instanceId?: string;
  readonly clientId?: string;
  readonly topics: readonly TopicChoice[];
  readonly mode?: GroupMode;
  readonly assignor?: AssignorName;
  readonly sessionTimeoutMs?: number;
  readonly maxPollIntervalMs?: number;
  readonly autoOffsetReset?: AutoOffsetReset;
  readonly autoCommit?: boolean;
}

/** Limits of a member's times, ms. */
export interface MemberTimeLimits {
  readonly sessionTimeoutMinMs: number;
  readonly sessionTimeoutMaxMs: number;
}

const ID_LENGTH_MAX = 255;
const MAX_POLL_INTERVAL_MS = 300_000;
const MAX_POLL_INTERVAL_LIMIT_MS = 86_400_000;

/**
 * The command of a join, with its defaults.
 * @throws ProtocolError INVALID_REQUEST with all faults
 */
export function joinCommand(
  request: JoinRequest,
  limits: MemberTimeLimits,
  random: Random,
): JoinCommand {
  const faults = new FaultList();
  for (const name of ['memberId', 'instanceId', 'clientId'] as const) {
    const fault = idFault(request[name]);
    if (fault !== undefined) faults.add(`/${name}`, `${name} ${fault}`);
  }
  checkTopics(request.topics, faults);
  if (request.mode === 'queue' && request.autoOffsetReset === 'none') {
    faults.add(
      '/autoOffsetReset',
      'autoOffsetReset of a member of a queue is "latest" or "earliest"',
    );
  }
  const { sessionTimeoutMinMs: min, sessionTimeoutMaxMs: max } = limits;
  checkWhole(request.sessionTimeoutMs, { pointer: '/sessionTimeoutMs', min, max }, faults);
  const interval = { pointer: '/maxPollIntervalMs', min: 1, max: MAX_POLL_INTERVAL_LIMIT_MS };
  checkWhole(request.maxPollIntervalMs, interval, faults);
  if (faults.count > 0) {
    throw new ProtocolError('INVALID_REQUEST', `${faults.sentence}.`, faults.asOptions);
  }
  const patterns = request.topics.filter((choice) => typeof choice !== 'string');
  return {
    kind: 'join',
    memberId: request.memberId ?? random.uuid(),
    instanceId: request.instanceId ?? null,
    clientId: request.clientId ?? null,
    topics: [...new Set(request.topics.filter((choice) => typeof choice === 'string'))],
    patterns: [...new Set(patterns.map(({ pattern }) => pattern))],
    mode: request.mode ?? 'stream',
    assignor: request.assignor ?? 'sticky',
    sessionTimeoutMs: request.sessionTimeoutMs ?? null,
    maxPollIntervalMs: request.maxPollIntervalMs ?? MAX_POLL_INTERVAL_MS,
    autoOffsetReset: request.autoOffsetReset ?? 'latest',
    autoCommit: request.autoCommit ?? true,
  };
}

function checkTopics(topics: readonly TopicChoice[], faults: FaultList): void {
  if (topics.length === 0) faults.add('/topics', 'a member subscribes to at least one topic');
  for (const [at, choice] of topics.entries()) {
    if (typeof choice === 'string') {
      const fault = topicNameFault(choice);
      if (fault !== undefined) faults.add(`/topics/${at}`, fault);
      continue;
    }
    const pattern = TopicPattern.tryParse(choice.pattern);
    if ('fault' in pattern) faults.add(`/topics/${at}/pattern`, pattern.fault);
  }
}

function idFault(id: string | undefined): string | undefined {
  if (id === undefined) return undefined;
  if (id.length >= 1 && id.length <= ID_LENGTH_MAX && !/[\p{Cc}\p{Surrogate}]/u.test(id)) {
    return undefined;
  }
  return `has 1 to ${ID_LENGTH_MAX} characters and no control characters`;
}

function checkWhole(
  value: number | undefined,
  { pointer, min, max }: { readonly pointer: string; readonly min: number; readonly max: number },
  faults: FaultList,
): void {
  if (value === undefined) return;
  if (Number.isSafeInteger(value) && value >= min && value <= max) return;
  faults.add(
    pointer,
    `${pointer.slice(1)} is a whole number of milliseconds from ${min} to ${max}, not ${value}`,
  );
}

/**
 * Refuses a member of a queue whose group begins at the end of topics, when it reads a topic whose
 * records are deleted on ack.
 * @throws ProtocolError INVALID_REQUEST
 */
export function assertConfigNotLatest(
  { configs, name }: Group,
  { mode }: Pick<JoinCommand, 'mode'>,
  names: Iterable<string>,
  topics: TopicCatalog,
): void {
  if (mode !== 'queue' || configs.get(AUTO_OFFSET_RESET_CONFIG) !== 'latest') return;
  for (const topic of names) {
    if (topics.topic(topic)?.isDeletedOnAck !== true) continue;
    const faults = new FaultList();
    faults.add(
      '/topics',
      `topic "${topic}" has sluice.delete.on.ack: a queue reads it from "earliest", but group ` +
        `"${name}" has ${AUTO_OFFSET_RESET_CONFIG}=latest`,
    );
    throw new ProtocolError('INVALID_REQUEST', `${faults.sentence}.`, faults.asOptions);
  }
}

/**
 * Refuses a queue member that wants the end of a topic whose records are deleted on ack: they would
 * wait for nobody.
 * @throws ProtocolError INVALID_REQUEST
 */
export function assertNotLatest(
  { mode, autoOffsetReset }: JoinRequest,
  names: Iterable<string>,
  topics: TopicCatalog,
): void {
  if (mode !== 'queue' || autoOffsetReset !== 'latest') return;
  for (const name of names) {
    if (topics.topic(name)?.isDeletedOnAck !== true) continue;
    const faults = new FaultList();
    faults.add(
      '/autoOffsetReset',
      `topic "${name}" has sluice.delete.on.ack: a queue reads it from "earliest", its default`,
    );
    throw new ProtocolError('INVALID_REQUEST', `${faults.sentence}.`, faults.asOptions);
  }
}
