/** A setting is one environment variable with a type, a default, a check and a sentence. */

/** The outcome of reading one value. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false };

/** A row of the table of settings. */
export interface Setting<T> {
  /** The environment variable. */
  readonly variable: `SLUICE_${string}`;
  /** The default as a text that a user could set; undefined if there is none, see `defaultNote`. */
  readonly defaultText: string | undefined;
  /** Description of the default if no text expresses it. */
  readonly defaultNote?: string;
  /** Accepted values, for people: completes "accepted: ...". */
  readonly accepts: string;
  /** Effect of the setting in one or two sentences, without a line break. */
  readonly sentence: string;
  /** True for a value that is never shown, not even if it is refused. */
  readonly isSecret?: boolean;
  /** Returns the value as it may be shown, without its secrets. */
  readonly masked?: (text: string) => string;
  parse(text: string): Parsed<T>;
}

/** The type of a row's value. */
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

/** A whole number within bounds whose default is derived from other settings. */
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
    parse: (text) => {
      const value = row.choices.find((word) => word === text);
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
    parse: (text) =>
      text === 'true' || text === 'false' ? { ok: true, value: text === 'true' } : { ok: false },
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

/** A text that passes a check, and may be unset. */
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

/** A value of another type that may be unset. */
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
