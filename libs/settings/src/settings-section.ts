import type { Setting } from './setting.js';

/** A group of rows that the help and the reference page show under one heading. */
export interface SettingsSection {
  readonly title: string;
  /** Sentence between the heading and the rows. */
  readonly introduction?: string;
  readonly settings: Readonly<Record<string, Setting<unknown>>>;
}
