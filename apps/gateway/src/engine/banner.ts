export interface BannerFacts {
  readonly url: string;
  /** URL of the operators' listener; undefined without one. */
  readonly adminUrl: string | undefined;
  /** The listeners that serve the pages. */
  readonly pages: 'on' | 'admin' | 'off';
  readonly dataDir: string;
  readonly durability: 'fsync' | 'os';
  /** True if callers need a credential. */
  readonly needsCredential: boolean;
}

const DURABILITY = {
  fsync: 'acknowledged after fdatasync',
  os: 'acknowledged after write: a power cut may lose records',
};

/**
 * The text that a start prints on standard output: addresses, and three commands that work when
 * pasted. They read the credential from the variable SLUICE_API_KEY if one is needed.
 */
export function banner(facts: BannerFacts): string {
  const { url, adminUrl, dataDir, durability, needsCredential } = facts;
  const operators = adminUrl === undefined ? '' : `\n  admin    ${adminUrl}`;
  const credential = needsCredential ? ' -H "Authorization: Bearer $SLUICE_API_KEY"' : '';
  const access = needsCredential
    ? 'with a credential: put a key <id>.<secret> into SLUICE_API_KEY for these commands'
    : 'open: whoever reaches this address may do everything (SLUICE_AUTH=off)';
  return `
  Sluice   ${url}${pagesIn(facts)}${operators}
  data     ${dataDir}
  writes   ${durability}: ${DURABILITY[durability]}
  access   ${access}

  curl ${url}/v1/topics${credential} -H 'content-type: application/json' -d '{"name": "hello"}'
  curl ${url}/v1/topics/hello/records${credential} -d 'hello, log'
  curl '${url}/v1/topics/hello/partitions/0/records?offset=earliest'${credential}
`;
}

/** Returns where the pages are; empty if nobody serves them. */
function pagesIn({ url, adminUrl, pages }: BannerFacts): string {
  const at = pages === 'on' ? url : adminUrl;
  return pages === 'off' || at === undefined ? '' : `   try it: ${at}/try   docs: ${at}/docs`;
}
