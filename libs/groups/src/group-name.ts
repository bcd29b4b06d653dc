import { ProtocolError } from '#protocol';

const GROUP_NAME_LENGTH_MAX = 255;

const ACCEPTED = `a group name has 1 to ${GROUP_NAME_LENGTH_MAX} characters`;

/**
 * Refuses a name that no group may have. In paths the name is percent-encoded.
 * @throws ProtocolError INVALID_REQUEST
 */
export function assertGroupName(name: string): void {
  const fault = groupNameFault(name);
  if (fault !== undefined) throw new ProtocolError('INVALID_REQUEST', `${fault}.`);
}

/** The fault of a group name, or undefined. */
export function groupNameFault(name: string): string | undefined {
  if (name.length < 1 || name.length > GROUP_NAME_LENGTH_MAX) {
    // A character beyond U+FFFF, as an emoji is, has two units of UTF-16.
    const units = /[\ud800-\udfff]/.test(name) ? ' units of UTF-16' : '';
    return `${ACCEPTED}, this one has ${name.length}${units}`;
  }
  const control = /\p{Cc}/u.exec(name);
  if (control !== null) {
    return `${ACCEPTED} and no control characters, this one has ${codePointName(name, control.index)}`;
  }
  if (/\p{Surrogate}/u.test(name)) {
    return `${ACCEPTED} of Unicode, this one has half of a surrogate pair`;
  }
  return undefined;
}

function codePointName(text: string, at: number): string {
  const hex = (text.codePointAt(at) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return `U+${hex} at position ${at}`;
}
