import { type PresentedKey, parseApiKey } from './api-key.js';

/** Longest value of an Authorization header, in characters. */
const AUTHORIZATION_LENGTH_MAX = 8192;

/** `token68` of RFC 9110, section 11.2: the characters of every credential after its scheme. */
const AUTHORIZATION_PATTERN = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) +([A-Za-z0-9\-._~+/]+=*)$/;

const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The credential in the `Authorization` header of a request. */
export type PresentedCredential =
  | { readonly kind: 'none' }
  /** The header has no form that is accepted: it identifies nobody. */
  | { readonly kind: 'malformed' }
  | {
      readonly kind: 'key';
      readonly key: PresentedKey;
      /** Browsers send Basic by themselves, also for pages of other sites. */
      readonly isBasic: boolean;
    }
  /** A JWT that is not verified yet. */
  | { readonly kind: 'token'; readonly token: string };

const NONE: PresentedCredential = { kind: 'none' };
const MALFORMED: PresentedCredential = { kind: 'malformed' };

/**
 * Reads the credential of a request. Several `Authorization` headers are malformed, because a proxy
 * and this broker may each use another one of them.
 * @param rawHeaders names and values in turn, as node:http received them
 */
export function presentedCredential(rawHeaders: readonly string[]): PresentedCredential {
  let value: string | undefined;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (!isAuthorization(rawHeaders[index])) continue;
    if (value !== undefined) return MALFORMED;
    value = rawHeaders[index + 1];
  }
  return value === undefined ? NONE : parseAuthorization(value);
}

/** Reads the value of an `Authorization` header: Bearer with a key or a JWT, or Basic. */
export function parseAuthorization(value: string): PresentedCredential {
  if (value.length > AUTHORIZATION_LENGTH_MAX) return MALFORMED;
  const [, scheme, credential] = AUTHORIZATION_PATTERN.exec(value) ?? [];
  if (scheme === undefined || credential === undefined) return MALFORMED;
  switch (scheme.toLowerCase()) {
    case 'bearer':
      return parseBearer(credential);
    case 'basic':
      return parseBasic(credential);
    default:
      return MALFORMED;
  }
}

/** Reads a bearer credential: two dots mean a JWT, one means an API key. */
export function parseBearer(credential: string): PresentedCredential {
  if (credential.length > AUTHORIZATION_LENGTH_MAX) return MALFORMED;
  if (isJwt(credential)) return { kind: 'token', token: credential };
  const key = parseApiKey(credential);
  return key === undefined ? MALFORMED : { kind: 'key', key, isBasic: false };
}

/** Reads id and secret by RFC 7617: the id ends at the first colon, and both are UTF-8. */
function parseBasic(credential: string): PresentedCredential {
  const bytes = Buffer.from(credential, 'base64');
  // Node accepts other alphabets, missing padding and stray bits; one text is one credential here.
  if (bytes.toString('base64') !== credential) return MALFORMED;
  const text = decoded(bytes);
  const colon = text?.indexOf(':') ?? -1;
  if (text === undefined || colon === -1) return MALFORMED;
  const [id, secret] = [text.slice(0, colon), text.slice(colon + 1)];
  // A dot in either part would move the border between them.
  const key = id.includes('.') ? undefined : parseApiKey(`${id}.${secret}`);
  return key === undefined ? MALFORMED : { kind: 'key', key, isBasic: true };
}

function decoded(bytes: Buffer): string | undefined {
  try {
    return DECODER.decode(bytes);
  } catch {
    // The bytes are not UTF-8, which no id and no secret needs.
    return undefined;
  }
}

function isJwt(credential: string): boolean {
  return credential.split('.', 4).length === 3;
}

function isAuthorization(name: string | undefined): boolean {
  return name?.length === 13 && name.toLowerCase() === 'authorization';
}
