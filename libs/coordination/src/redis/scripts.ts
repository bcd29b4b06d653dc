import { readFileSync } from 'node:fs';

/**
 * The Lua that Redis runs, read once when this module is loaded; each says in its file what it
 * does.
 */
const process = textOf('this_process');
const writes = textOf('apply_writes');

export const COMMIT_SCRIPT = process + writes + textOf('commit');
export const FOUND_CLUSTER_SCRIPT = process + writes + textOf('found_cluster');
export const SNAPSHOT_SCRIPT = process + textOf('snapshot');
export const RENEW_LEASE_SCRIPT = process + textOf('renew_lease');
export const READ_REBUILD_SCRIPT = process + textOf('read_rebuild');
export const BEGIN_REBUILD_SCRIPT = process + textOf('begin_rebuild');
export const PUBLISH_VIEW_SCRIPT = process + textOf('publish_view');
export const INSTALL_REBUILT_SCRIPT = process + writes + textOf('install_rebuilt');

function textOf(name: string): string {
  return readFileSync(new URL(`lua/${name}.lua`, import.meta.url), 'utf8');
}
