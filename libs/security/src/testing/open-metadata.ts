import { SystemRandom, silentLogger } from '#runtime';
import { type FakeClock, FakeDisk } from '#runtime/testing';
import { EmbeddedSecurity } from '../metadata/embedded-security.js';

/** Opens empty security metadata on a disk of its own. */
export async function openMetadata(clock: FakeClock): Promise<EmbeddedSecurity> {
  const disk = new FakeDisk();
  await disk.makeDirectory('/data');
  return EmbeddedSecurity.open({
    fileSystem: disk.mount(),
    dataDir: '/data',
    clock,
    random: new SystemRandom(),
    logger: silentLogger,
    brokerId: 0,
    limits: { apiKeysMax: 100, aclsMax: 20_000, quotasMax: 100, aclsPerChangeMax: 20_000 },
  });
}
