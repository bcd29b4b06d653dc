/** Types by which the classes of the contract follow those of the ports that they describe. */

/** An object whose only member is a list: the answers and bodies of the API are objects. */
export type ListAs<Name extends string, Item> = { readonly [Key in Name]: readonly Item[] };

/** A type whose members may be null, which then means the same as an absent one. */
export type WithNulls<T> = { readonly [Name in keyof T]: T[Name] | null };

/** A type whose times have their names in the contract: `createdAt` for `createdAtMs`. */
export type WithTimes<T> = {
  readonly [Name in keyof T as Name extends `${infer Event}AtMs` ? `${Event}At` : Name]: T[Name];
};
