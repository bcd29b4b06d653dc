/**
 * What a setting is: one environment variable with a type, a default, a check and a sentence.
 */

/** The outcome of reading one value: what it means, or what would have been accepted. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false };

/** A row of the table of settings. */
export interface Setting<T> {
  /** The environment variable. */
  readonly variable: `SLUICE_${string}`;
  /** The default as a text of the kind a user would set; undefined: none, see `defaultNote`. */
  readonly defaultText: string | undefined;
  /** What holds while the variable is unset, where no text says it. */
  readonly defaultNote?: string;
  /** What is accepted, for people: completes "accepted: ...". */
  readonly accepts: string;
  /** What it does, one or two sentences, without a line break. */
  readonly sentence: string;
  /** A value that is not shown, also when it is not accepted. */
  readonly isSecret?: boolean;
  /** The value as it may be shown, without the secrets that are in it. */
  readonly masked?: (text: string) => string;
  parse(text: string): Parsed<T>;
}

/** The value's type of a row. */
export type SettingValue<S> = S extends Setting<infer T> ? T : never;

type Row = Pick<Setting<unknown>, 'variable' | 'sentence'>;

/** A whole number within bounds. */
export function wholeNumber(
  row: Row & { readonly byDefault: number; readonly min: number; readonly max: number },
): Setting<number> {
  return {
    variable: row.variable,
    defaultText: String(row.byDefault),
    accepts: `a whole number from ${row.min} to ${row.max}`,
    sentence: row.sentence,
    parse: (value) => parseWholeNumber(value, row.min, row.max),
  };
}

/** A whole number within bounds whose default is worked out from other settings. */
export function optionalWholeNumber(
  row: Row & { readonly defaultNote: string; readonly min: number; readonly max: number },
): Setting<number | undefined> {
  return {
    variable: row.variable,
    defaultText: undefined,
    defaultNote: row.defaultNote,
    accepts: `a whole number from ${row.min} to ${row.max}`,
    sentence: row.sentence,
    parse: (value) => parseWholeNumber(value, row.min, row.max),
  };
}

/** One word of a list. */
export function choice<const T extends string>(
  row: Row & { readonly byDefault: T; readonly choices: readonly T[] },
): Setting<T> {
  return {
    variable: row.variable,
    defaultText: row.byDefault,
    accepts: row.choices.map((word) => `"${word}"`).join(', '),
    sentence: row.sentence,
    parse: (given) => {
      const value = row.choices.find((word) => word === given);
      return value === undefined ? { ok: false } : { ok: true, value };
    },
  };
}

/** true or false. */
export function flag(row: Row & { readonly byDefault: boolean }): Setting<boolean> {
  return {
    variable: row.variable,
    defaultText: String(row.byDefault),
    accepts: '"true", "false"',
    sentence: row.sentence,
    parse: (given) =>
      given === 'true' || given === 'false' ? { ok: true, value: given === 'true' } : { ok: false },
  };
}

/** A text that passes a check. */
export function text(
  row: Row & {
    readonly byDefault: string;
    readonly accepts: string;
    readonly isAccepted: (text: string) => boolean;
  },
): Setting<string> {
  return {
    variable: row.variable,
    defaultText: row.byDefault,
    accepts: row.accepts,
    sentence: row.sentence,
    parse: (value) => (row.isAccepted(value) ? { ok: true, value } : { ok: false }),
  };
}

/** A text that passes a check, and may be left unset. */
export function optionalText(
  row: Row & {
    readonly defaultNote: string;
    readonly accepts: string;
    readonly isSecret?: boolean;
    readonly masked?: (text: string) => string;
    readonly isAccepted: (text: string) => boolean;
  },
): Setting<string | undefined> {
  const { isAccepted, ...rest } = row;
  return optional({
    ...rest,
    parse: (value) => (isAccepted(value) ? { ok: true, value } : { ok: false }),
  });
}

/** A value of a kind of its own that may be left unset. */
export function optional<T>(
  row: Row & {
    readonly defaultNote: string;
    readonly accepts: string;
    readonly isSecret?: boolean;
    readonly parse: (text: string) => Parsed<T>;
  },
): Setting<T | undefined> {
  return { ...row, defaultText: undefined };
}

function parseWholeNumber(value: string, min: number, max: number): Parsed<number> {
  if (!/^\d{1,16}$/.test(value)) return { ok: false };
  const number = Number(value);
  return number >= min && number <= max ? { ok: true, value: number } : { ok: false };
}
