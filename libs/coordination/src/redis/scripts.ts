import { readFileSync } from 'node:fs';

const process = textOf('this_process');
const permissions = textOf('permissions');
const writes = permissions + textOf('apply_writes');

/**
 * The Lua scripts that Redis runs, by the names of the commands that a connection defines for them.
 * They are read once when this module is loaded; the header of each file describes its script.
 */
export const SCRIPTS = {
  sluiceCommit: process + writes + textOf('commit'),
  sluiceFoundCluster: process + writes + textOf('found_cluster'),
  sluiceSnapshot: process + textOf('snapshot'),
  sluiceRenewLease: process + textOf('renew_lease'),
  sluiceReadRebuild: process + textOf('read_rebuild'),
  sluiceBeginRebuild: process + permissions + textOf('begin_rebuild'),
  sluicePublishView: process + textOf('publish_view'),
  sluiceInstallRebuilt: process + writes + textOf('install_rebuilt'),
  sluiceReadSecurity: process + textOf('read_security'),
  sluiceCommitSecurity: process + permissions + textOf('commit_security'),
  sluiceInstallSecuritySnapshot: process + permissions + textOf('install_security_snapshot'),
  sluiceInstallRebuiltSecurity: process + permissions + textOf('install_rebuilt_security'),
};

export type ScriptName = keyof typeof SCRIPTS;

function textOf(name: string): string {
  return readFileSync(new URL(`lua/${name}.lua`, import.meta.url), 'utf8');
}
