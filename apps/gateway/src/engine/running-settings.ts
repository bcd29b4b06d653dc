import type { Settings } from '../config/settings.js';
import { shareDescriptors } from './descriptor-limit.js';
import { OPERATORS_CONNECTIONS } from './listeners.js';

/** The settings of a running gateway: what was asked for, within the descriptors of the process. */
export interface RunningSettings extends Settings {
  /** Segment files that are kept open while unused. */
  readonly openFilesMax: number;
  /** Partitions that can each keep a file open; undefined if the system does not say. */
  readonly partitionFilesMax: number | undefined;
  readonly spareDescriptors: number;
}

/** Settings, and sentences for the operator about those that were lowered. */
export interface FittedSettings {
  readonly settings: RunningSettings;
  readonly warnings: readonly string[];
}

/**
 * Lowers the connections to what the descriptors of the process allow, and shares out the rest.
 * @param descriptorsMax limit of the process; undefined if the system does not say
 */
export function fitDescriptors(
  requested: Settings,
  descriptorsMax: number | undefined,
): FittedSettings {
  const forOperators = requested.adminPort === undefined ? 0 : OPERATORS_CONNECTIONS;
  const shares = shareDescriptors(descriptorsMax, requested.connectionsMax, forOperators);
  const { connectionsMax, openFilesMax, spareDescriptors, warnings } = shares;
  const partitionFilesMax = descriptorsMax === undefined ? undefined : openFilesMax;
  const fitted = { connectionsMax, openFilesMax, partitionFilesMax, spareDescriptors };
  return { settings: { ...requested, ...fitted }, warnings };
}
