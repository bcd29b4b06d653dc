/**
 * The table of settings. Every configurable value is a row in one of the sections below: the reader
 * of the environment, the reference page and the checks at start are built from them.
 */

import type { PresentedKey } from '#security';
import type { SettingsSection, SettingValue } from '#settings';
import { CLUSTER_SETTINGS, type DerivedClusterSettings } from './cluster-settings.js';
import { CREDENTIAL_SETTINGS } from './credential-settings.js';
import { DELIVERY_SETTINGS } from './delivery-settings.js';
import { GENERAL_SETTINGS } from './general-settings.js';
import { HTTP_SETTINGS } from './http-settings.js';
import { METADATA_SETTINGS } from './metadata-settings.js';
import { OPERATOR_SETTINGS, type ServedParts } from './operator-settings.js';
import { PRODUCE_SETTINGS } from './produce-settings.js';
import { SECURITY_SETTINGS } from './security-settings.js';
import { STORAGE_SETTINGS } from './storage-settings.js';
import { TLS_SETTINGS } from './tls-settings.js';

/** All sections, in the order of the reference page. */
export const SETTINGS_SECTIONS: readonly SettingsSection[] = [
  { title: 'General', settings: GENERAL_SETTINGS },
  { title: 'HTTP', settings: HTTP_SETTINGS },
  { title: 'TLS', settings: TLS_SETTINGS },
  {
    title: 'Security',
    introduction:
      'A secret setting, here or in another section, can be read from a file: the variable with `_FILE` at its end names it.',
    settings: SECURITY_SETTINGS,
  },
  {
    title: 'Tokens, tickets, quotas and audit',
    introduction: 'These apply with `SLUICE_AUTH=on`, and have no effect without it.',
    settings: CREDENTIAL_SETTINGS,
  },
  {
    title: "The operators' listener",
    introduction:
      '`on`: every listener serves it. `admin`: the listener of `SLUICE_ADMIN_PORT` alone. `off`: none, with or without authentication. `SLUICE_PAGES` above has the same values.',
    settings: OPERATOR_SETTINGS,
  },
  { title: 'Storage', settings: STORAGE_SETTINGS },
  { title: 'Produce', settings: PRODUCE_SETTINGS },
  { title: 'Topics and committed offsets', settings: METADATA_SETTINGS },
  { title: 'Live delivery', settings: DELIVERY_SETTINGS },
  {
    title: 'Cluster mode',
    introduction: 'These apply with `SLUICE_REDIS_URL`, and have no effect without it.',
    settings: CLUSTER_SETTINGS,
  },
];

/** All rows. */
export const SETTINGS = {
  ...GENERAL_SETTINGS,
  ...HTTP_SETTINGS,
  ...TLS_SETTINGS,
  ...SECURITY_SETTINGS,
  ...CREDENTIAL_SETTINGS,
  ...OPERATOR_SETTINGS,
  ...STORAGE_SETTINGS,
  ...PRODUCE_SETTINGS,
  ...METADATA_SETTINGS,
  ...DELIVERY_SETTINGS,
  ...CLUSTER_SETTINGS,
};

type Values = { readonly [K in keyof typeof SETTINGS]: SettingValue<(typeof SETTINGS)[K]> };

type Derived =
  | 'syncsInFlightMax'
  | 'corsOrigins'
  | 'auth'
  | 'superUsers'
  | 'bootstrapKeys'
  | keyof ServedParts
  | keyof DerivedClusterSettings;

/** All settings with their effective values. */
export interface Settings extends Omit<Values, Derived>, ServedParts, DerivedClusterSettings {
  readonly syncsInFlightMax: number;
  /** Origins besides this broker's own; `*` is every origin. */
  readonly corsOrigins: readonly string[];
  readonly auth: 'off' | 'on';
  readonly superUsers: readonly string[];
  readonly bootstrapKeys: readonly PresentedKey[];
}
