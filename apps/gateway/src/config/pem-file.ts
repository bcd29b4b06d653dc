import { optionalText } from '#settings';

/** A setting that names a PEM file; the file is read later, when it is needed. */
export function pemFile(variable: `SLUICE_${string}`, sentence: string) {
  return optionalText({
    variable,
    defaultNote: 'none',
    accepts: 'a path',
    isAccepted: (value) => value.length > 0 && !value.includes('\0'),
    sentence,
  });
}
