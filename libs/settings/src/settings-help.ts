import type { Setting } from './setting.js';
import type { SettingsSection } from './settings-section.js';

/** Formats all settings as plain text for `--help`: two lines each, by section. */
export function settingsHelp(sections: readonly SettingsSection[]): string {
  return sections
    .map(({ title, settings }) => [`${title}:`, ...Object.values(settings).map(linesOf)].join('\n'))
    .join('\n\n');
}

function linesOf(setting: Setting<unknown>): string {
  const { variable, defaultText, defaultNote, sentence } = setting;
  const byDefault = defaultText ?? (defaultNote === undefined ? '' : `(${defaultNote})`);
  return `  ${variable}=${byDefault}\n      ${sentence.replaceAll('`', '')}`;
}
