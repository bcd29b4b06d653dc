/**
 * This broker's part in a rebuild of the security metadata: see security-rebuild.ts for the reason
 * why no confirmed commit is lost.
 *
 * Every broker that notices a fault begins a round if there is none, journals the number, and
 * publishes the name of its newest commit. The broker with the newest one installs its state. If
 * that does not happen in time, the others begin another round without it.
 *
 * Overlap: attempts must not overlap; SecurityFollower runs one at a time.
 */

import type { Clock, Logger, Random } from '#runtime';
import type { SecurityDisk, SecurityPosition, SecuritySignatures } from '#security';
import { rebuildNumberOf, VERSIONS_PER_REBUILD } from '../registry/rebuild.js';
import type { RebuildRound } from '../registry/rebuild-rounds.js';
import { chosenView, firstVersionOf, type Members, type SecurityView } from './security-rebuild.js';
import type { SecurityRegistry } from './security-registry.js';
import type { SecuritySnapshots } from './security-snapshots.js';

/** Time that the broker with the newest journal has to install it, ms. */
const INSTALL_TIMEOUT_MS = 10_000;
/**
 * Rounds that may have begun without this broker. A number that someone wrote into Redis by hand
 * must not exhaust the numbers.
 */
const ROUNDS_AHEAD_MAX = 1000;

/** No cluster is rebuilt this often, and versions up to here are exact numbers. */
const REBUILDS_MAX = 2 ** 20;

export interface SecurityRebuilderOptions {
  readonly registry: SecurityRegistry;
  readonly snapshots: SecuritySnapshots;
  readonly signatures: SecuritySignatures;
  readonly disk: SecurityDisk;
  readonly brokerId: number;
  readonly dataDirUuid: string;
  readonly members: () => Members;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

interface ViewDocument {
  readonly broker_id: number;
  readonly data_dir_uuid: string;
  readonly version: number;
  readonly change_id: string;
  readonly is_blank: boolean;
}

export class SecurityRebuilder {
  readonly #options: SecurityRebuilderOptions;
  /** The last logged text about missing participants. */
  #lastWaitingFor: string | undefined;
  /** The round whose result another broker has to install, and since when. */
  #awaited: { readonly round: string; readonly sinceMs: number } | undefined;

  constructor(options: SecurityRebuilderOptions) {
    this.#options = options;
  }

  /**
   * Does as much of a rebuild as possible now; it is repeated until the registry is complete.
   * @param confirmedBefore confirmation read together with the fault: a registry that was rebuilt
   *   since then is complete
   */
  async attempt(confirmedBefore: string | undefined, found: SecurityPosition): Promise<void> {
    const { registry, members } = this.#options;
    const round = await this.#joinRound(confirmedBefore, found);
    if (round === undefined) return;
    await this.#publish(round);
    const views = await this.#views(round);
    if (views.length === 0) return;
    const highest = Math.max(...views.map(({ position }) => rebuildNumberOf(position.version)));
    if (highest >= round.number) {
      await this.#begin(round, confirmedBefore, highest + 1);
      return;
    }
    const choice = chosenView(views, members(), await registry.rebuilds.givenUpBrokers());
    if (choice.kind === 'waiting') this.#logWaiting(choice.for);
    else if (choice.view.brokerId === this.#options.brokerId) await this.#install(round, views);
    else if (this.#isOverdue(round)) await this.#begin(round, confirmedBefore, round.number + 1);
  }

  async #install(round: RebuildRound, views: readonly SecurityView[]): Promise<void> {
    const { registry, snapshots, disk, random, logger } = this.#options;
    const position = { version: firstVersionOf(round), changeId: random.uuid() };
    this.#lastWaitingFor = undefined;
    let isFirst = false;
    const isInstalled = await disk.whileUnchanged(async (state, basis) => {
      isFirst = basis.version === 0;
      const text = await snapshots.store(state, position, basis);
      return registry.installRebuilt(round, position, text);
    });
    if (!isInstalled) {
      await registry.removeChunks(position.changeId);
      return;
    }
    const brokers = views.map(({ brokerId }) => brokerId);
    const fields = { round: round.number, brokers, version: position.version };
    if (isFirst)
      logger.info(fields, 'the security metadata was created: it has no keys and rules yet');
    else logger.warn(fields, 'the security metadata was rebuilt from the journals of the brokers');
  }

  /** The round that this broker takes part in; undefined when there is none that it may join. */
  async #joinRound(
    confirmedBefore: string | undefined,
    found: SecurityPosition,
  ): Promise<RebuildRound | undefined> {
    const { registry, disk } = this.#options;
    const promised = disk.promise?.number ?? 0;
    const newest = Math.max(disk.position.version, plausibleVersion(found));
    const least = Math.max(1 + rebuildNumberOf(newest), promised);
    const mayJoin = ({ number, id }: RebuildRound): boolean =>
      number >= least &&
      number <= least + ROUNDS_AHEAD_MAX &&
      (number > promised || id === disk.promise?.id);
    const current = await registry.rebuilds.current();
    if (current === undefined || !mayJoin(current)) {
      const isPlausible = current !== undefined && current.number <= least + ROUNDS_AHEAD_MAX;
      const number = Math.max(least, promised + 1, isPlausible ? current.number + 1 : 0);
      await this.#begin(current, confirmedBefore, number);
    }
    const started = await registry.rebuilds.current();
    if (started === undefined || !mayJoin(started)) return undefined;
    if (started.id !== disk.promise?.id) await disk.keepPromise(started);
    return started;
  }

  #begin(
    before: RebuildRound | undefined,
    confirmedBefore: string | undefined,
    number: number,
  ): Promise<void> {
    const { registry, random } = this.#options;
    return registry.rebuilds.begin(before, confirmedBefore, { number, id: random.uuid() });
  }

  async #publish(round: RebuildRound): Promise<void> {
    const { registry, signatures, disk, brokerId, dataDirUuid } = this.#options;
    const { version, changeId } = disk.position;
    const { keyCount, aclCount, quotaCount } = disk.state;
    const text = JSON.stringify({
      broker_id: brokerId,
      data_dir_uuid: dataDirUuid,
      version,
      change_id: changeId,
      is_blank: keyCount + aclCount + quotaCount === 0 && version % VERSIONS_PER_REBUILD === 0,
    } satisfies ViewDocument);
    const signature = signatures.sign(['view', round.number, round.id, text]);
    await registry.rebuilds.publish(round, brokerId, `${signature} ${text}`);
  }

  /** The views of the round whose signature is right. */
  async #views(round: RebuildRound): Promise<SecurityView[]> {
    const { registry, signatures } = this.#options;
    return (await registry.rebuilds.views(round)).flatMap((stored): SecurityView[] => {
      const end = stored.indexOf(' ');
      const text = stored.slice(end + 1);
      const value = ['view', round.number, round.id, text] as const;
      if (!signatures.isSigned(value, stored.slice(0, Math.max(0, end)))) return [];
      const view = JSON.parse(text) as ViewDocument;
      return [
        {
          brokerId: view.broker_id,
          dataDirUuid: view.data_dir_uuid,
          position: { version: view.version, changeId: view.change_id },
          isBlank: view.is_blank,
        },
      ];
    });
  }

  /** True when the chosen broker has not installed its state in time. */
  #isOverdue(round: RebuildRound): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#awaited?.round !== round.id) this.#awaited = { round: round.id, sinceMs: nowMs };
    return nowMs - this.#awaited.sinceMs >= INSTALL_TIMEOUT_MS;
  }

  #logWaiting(missing: string): void {
    if (this.#lastWaitingFor === missing) return;
    this.#lastWaitingFor = missing;
    const { logger, disk } = this.#options;
    if (disk.position.version === 0) {
      logger.info(
        { for: missing },
        'the security metadata will be read or created when more brokers take part',
      );
      return;
    }
    logger.warn(
      { for: missing },
      'the security metadata will be rebuilt when more brokers take part',
    );
  }
}

/** The version, unless only someone who wrote into Redis by hand can have made it. */
function plausibleVersion({ version }: SecurityPosition): number {
  return rebuildNumberOf(version) < REBUILDS_MAX ? version : 0;
}
