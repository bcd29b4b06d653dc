/**
 * Settings as tables: a row has the environment variable, the default, the check and the sentence
 * of one setting. Reading, the help text and the reference page are derived from the tables.
 */

export { maskedUrl } from './masked-url.js';
export { problemLine, readValues, settingProblem, unreadVariables } from './read-values.js';
export {
  choice,
  flag,
  optional,
  optionalText,
  optionalWholeNumber,
  type Parsed,
  type Setting,
  type SettingValue,
  text,
  wholeNumber,
} from './setting.js';
export { settingsHelp } from './settings-help.js';
export { settingsReference } from './settings-reference.js';
export type { SettingsSection } from './settings-section.js';
export { GIB, INT32_MAX, KIB, MIB, TIMER_MS_MAX } from './units.js';
