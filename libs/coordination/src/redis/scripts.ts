import { readFileSync } from 'node:fs';

/** The Lua that Redis runs, read once when this module is loaded; each says in its file what it does. */
const prelude = textOf('apply_writes');

export const COMMIT_SCRIPT = prelude + textOf('commit');
export const FOUND_CLUSTER_SCRIPT = prelude + textOf('found_cluster');
export const SNAPSHOT_SCRIPT = textOf('snapshot');
export const RENEW_LEASE_SCRIPT = textOf('renew_lease');

function textOf(name: string): string {
  return readFileSync(new URL(`lua/${name}.lua`, import.meta.url), 'utf8');
}
