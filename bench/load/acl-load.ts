/**
 * The security metadata of one broker, with many keys and rules.
 *
 *     node --expose-gc dist/esm/bench/load/acl-load.js '{"mode": "fill", "dataDir": ...}'
 *
 * - `fill` writes keys and rules into the journal of a data directory
 * - `open` measures a start with that journal, the memory it takes, and decisions
 */
import { argv, cpuUsage, memoryUsage, stdout } from 'node:process';
import { NodeFileSystem, SystemClock, SystemRandom, silentLogger } from '#runtime';
import { type Acl, EmbeddedSecurity, type SecurityChange } from '#security';

interface Options {
  readonly mode: 'fill' | 'open';
  readonly dataDir: string;
  readonly keys: number;
  readonly acls: number;
}

const PER_COMMIT = 10_000;
const DECISIONS = 500_000;
const OPERATIONS = ['Read', 'Write', 'Describe', 'Delete', 'Alter'] as const;

const { mode, dataDir, keys, acls } = JSON.parse(argv[2] ?? '{}') as Options;

if (mode === 'fill') await fill();
else await measure();

function open(): Promise<EmbeddedSecurity> {
  const max = Number.MAX_SAFE_INTEGER;
  return EmbeddedSecurity.open({
    dataDir,
    fileSystem: new NodeFileSystem(),
    clock: new SystemClock(),
    random: new SystemRandom(),
    logger: silentLogger,
    brokerId: 0,
    limits: { apiKeysMax: max, aclsMax: max, quotasMax: max, aclsPerChangeMax: max },
  });
}

/** The rules of all keys in turn: literal names, prefixes and `*`. */
function aclOf(index: number): Acl {
  const name = `department-${index % 1000}.topic-${index}`;
  const round = Math.floor(index / keys);
  const pattern = round % 4;
  return {
    principal: `key:${keyId(index % keys)}`,
    resourceType: 'topic',
    resourceName: pattern === 2 ? '*' : name,
    patternType: pattern === 3 ? 'prefixed' : 'literal',
    operation: OPERATIONS[round % OPERATIONS.length] ?? 'Read',
    permission: 'allow',
  };
}

function keyId(index: number): string {
  return `k${String(index).padStart(20, '0')}`;
}

async function fill(): Promise<void> {
  const security = await open();
  for (let first = 0; first < keys; first += PER_COMMIT) {
    const count = Math.min(PER_COMMIT, keys - first);
    await security.update(() =>
      Array.from({ length: count }, (_, offset): SecurityChange => {
        const id = keyId(first + offset);
        const hash = id.padStart(64, 'f');
        const secrets = [{ hash, expiresAtMs: null }];
        const key = { id, name: id, groups: [], createdAtMs: 0, expiresAtMs: null, secrets };
        return { kind: 'key', key };
      }),
    );
  }
  for (let first = 0; first < acls; first += PER_COMMIT) {
    const count = Math.min(PER_COMMIT, acls - first);
    const rules = Array.from({ length: count }, (_, offset) => aclOf(first + offset));
    await security.update(() => [{ kind: 'acls-added', acls: rules }]);
  }
  await security.close();
  stdout.write('{}');
}

async function measure(): Promise<void> {
  const before = heapBytes();
  const startedMs = cpuMs();
  const security = await open();
  const openMs = cpuMs() - startedMs;
  const bytes = heapBytes() - before;
  const { view } = security;
  const asked = Array.from({ length: 10_000 }, (_, index) => {
    const { principal, resourceName, operation } = aclOf((index * 997) % acls);
    return { principals: [principal, 'group:dev'], operation, name: resourceName };
  });
  const decisionsStartedMs = cpuMs();
  let allowed = 0;
  for (let decision = 0; decision < DECISIONS; decision += 1) {
    const { principals, operation, name } = asked[decision % asked.length] ?? asked[0] ?? never();
    if (operation === 'All') continue;
    if (view.isAllowed(principals, operation, { type: 'topic', name })) allowed += 1;
  }
  const decisionsMs = cpuMs() - decisionsStartedMs;
  const status = security.status();
  await security.close();
  const decisionNs = (decisionsMs * 1e6) / DECISIONS;
  stdout.write(JSON.stringify({ ...status, openMs, bytes, decisionNs, allowed }));
}

/** CPU time of this process, ms: other processes do not change it. */
function cpuMs(): number {
  const { user, system } = cpuUsage();
  return (user + system) / 1000;
}

function heapBytes(): number {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = memoryUsage();
  return heapUsed + arrayBuffers;
}

function never(): never {
  throw new Error('nothing to ask for');
}
