// The credential of the visitor, which is kept for this tab only and sent to its own gateway only.

const STORAGE_KEY = 'sluice.credential';

/** Returns the API key or token of the visitor; undefined without one. */
export function credential() {
  return sessionStorage.getItem(STORAGE_KEY) ?? undefined;
}

/** @param text undefined forgets the credential */
export function keepCredential(text) {
  if (text === undefined) sessionStorage.removeItem(STORAGE_KEY);
  else sessionStorage.setItem(STORAGE_KEY, text);
}
