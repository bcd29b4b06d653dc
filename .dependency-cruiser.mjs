import { readdirSync } from 'node:fs';

/** The arrows of docs/ARCHITECTURE.md as rules: who may import whom. */
const libs = {
  protocol: [],
  runtime: [],
  settings: [],
  security: ['protocol', 'runtime'],
  producer: [],
  client: ['producer'],
  log: ['protocol', 'runtime'],
  coordination: ['security', 'protocol', 'runtime'],
  replication: ['log', 'coordination', 'protocol', 'runtime'],
  'peer-rpc': ['replication', 'security', 'protocol', 'runtime'],
  groups: ['replication', 'log', 'protocol', 'runtime'],
  broker: [
    'groups',
    'replication',
    'coordination',
    'producer',
    'log',
    'security',
    'protocol',
    'runtime',
  ],
  'record-json': ['log', 'protocol', 'runtime'],
  delivery: ['record-json', 'broker', 'log', 'security', 'protocol', 'runtime'],
  api: ['delivery', 'record-json', 'broker', 'log', 'security', 'protocol', 'runtime'],
  'record-lines': ['api', 'broker', 'record-json', 'log', 'protocol'],
  'event-stream': ['api', 'delivery', 'protocol'],
  'http-front': ['api', 'delivery', 'record-json', 'security', 'protocol', 'runtime'],
  'record-routes': [
    'http-front',
    'event-stream',
    'record-lines',
    'api',
    'delivery',
    'record-json',
    'broker',
    'log',
    'security',
    'protocol',
    'runtime',
  ],
  observability: [
    'api',
    'http-front',
    'peer-rpc',
    'delivery',
    'broker',
    'security',
    'log',
    'runtime',
  ],
  'web-socket': ['delivery', 'record-json', 'security', 'protocol', 'runtime'],
};

const arrows = Object.entries(libs).map(([lib, allowed]) => ({
  name: `${lib}-imports`,
  comment: `libs/${lib} may import ${allowed.length === 0 ? 'no other lib' : allowed.join(', ')}.`,
  severity: 'error',
  from: { path: `^libs/${lib}/`, pathNot: '\\.test\\.ts$' },
  to: { path: '^(libs|apps|test|bench)/', pathNot: `^libs/(${[lib, ...allowed].join('|')})/` },
}));

/**
 * The folders of each lib, lowest first: each may import those before it. Files beside the folders
 * are what they share, or compose them.
 */
const LIB_FOLDERS = {
  api: ['problem', 'schema', 'rest', 'socket', 'documents'],
  broker: ['cluster', 'groups'],
  client: ['connection', 'admin', 'producer', 'subscription', 'consumer', 'queue', 'node'],
  coordination: ['lease', 'embedded', 'registry', 'decisions', 'security', 'redis'],
  // Only `coordinator` has I/O and time.
  groups: ['queue', 'delayed', 'log', 'assignor', 'offsets', 'state', 'coordinator'],
  'http-front': ['answer', 'request', 'body', 'connection', 'admission'],
  log: [
    'background',
    'checkpoint',
    'compression',
    'record-batch',
    'segment',
    'producer-state',
    'leader-epoch',
    'log',
    'replica',
    'recovery',
    'cleaning',
    'data-dir',
  ],
  'record-routes': ['events', 'fetch', 'poll', 'produce'],
  security: [
    'certificate',
    'acl',
    'metadata',
    'access',
    'credential',
    'quota',
    'audit',
    'administration',
  ],
};

for (const lib of readdirSync('libs')) {
  const folders = readdirSync(`libs/${lib}/src`, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'testing')
    .map(({ name }) => name);
  const listed = LIB_FOLDERS[lib] ?? [];
  const missing = folders.length < 2 ? [] : folders.filter((name) => !listed.includes(name));
  if (missing.length > 0) throw new Error(`LIB_FOLDERS lacks ${missing.join(', ')} of libs/${lib}`);
}

function folderArrows(lib, folders) {
  return folders.map((folder, index) => ({
    name: `${lib}-${folder}-imports`,
    comment: `libs/${lib}/src/${folder} may import the folders below it.`,
    severity: 'error',
    from: { path: `^libs/${lib}/src/${folder}/`, pathNot: '\\.test\\.ts$' },
    to: {
      path: `^libs/${lib}/src/[^/]+/`,
      pathNot: `^libs/${lib}/src/(${folders.slice(0, index + 1).join('|')})/`,
    },
  }));
}

/** The folders of the gateway, lowest first: what each may import of the others. */
const GATEWAY_FOLDERS = {
  shared: [],
  config: ['shared'],
  logging: ['config'],
  http: ['logging', 'config', 'shared'],
  ws: ['http', 'shared'],
  engine: ['ws', 'http', 'logging', 'config', 'shared'],
};

const gatewayFolders = Object.entries(GATEWAY_FOLDERS).map(([folder, allowed]) => ({
  name: `gateway-${folder}-imports`,
  comment: `apps/gateway/src/${folder} may import ${allowed.length === 0 ? 'no other folder' : allowed.join(', ')} of the gateway.`,
  severity: 'error',
  from: { path: `^apps/gateway/src/${folder}/`, pathNot: '\\.test\\.ts$' },
  to: {
    path: '^apps/gateway/src/',
    pathNot: `^apps/gateway/src/(${[folder, ...allowed].join('|')})/`,
  },
}));

export default {
  forbidden: [
    ...arrows,
    ...gatewayFolders,
    ...Object.entries(LIB_FOLDERS).flatMap(([lib, folders]) => folderArrows(lib, folders)),
    {
      name: 'libs-by-their-index',
      comment: 'A lib is used through its entries; inside a lib import the file itself.',
      severity: 'error',
      from: { path: '^(libs|apps)/([^/]+)/' },
      to: {
        path: '^libs/[^/]+/src/',
        pathNot: [
          '^libs/$2/',
          '^libs/[^/]+/src/((testing|documents)/)?index\\.ts$',
          // The entries of the client on Node.js.
          '^libs/client/src/node(/index)?\\.ts$',
        ],
      },
    },
    {
      name: 'gateway-uses-the-port',
      comment: 'Transports call the Broker port; only engine/ composes the parts behind it.',
      severity: 'error',
      from: {
        path: '^apps/gateway/src/',
        pathNot: ['^apps/gateway/src/engine/', '\\.test\\.ts$'],
      },
      to: { path: '^libs/(replication|groups|coordination|producer)/' },
    },
    {
      name: 'command-line-uses-the-client',
      comment: 'The command line talks to a gateway through libs/client, as any other program.',
      severity: 'error',
      from: { path: '^apps/cli/' },
      to: { path: '^(libs|apps)/', pathNot: '^(apps/cli|libs/client|libs/producer)/' },
    },
    {
      name: 'fs-in-runtime-alone',
      comment: 'node:fs stands only in libs/runtime (and where a program reads its own assets).',
      severity: 'error',
      from: {
        path: '^libs/',
        pathNot: ['^libs/runtime/', '^libs/coordination/src/redis/scripts\\.ts$', '\\.test\\.ts$'],
      },
      to: { path: '^(node:)?fs(/promises)?$' },
    },
    {
      name: 'ioredis-in-coordination-alone',
      comment: 'Nobody outside libs/coordination/src/redis talks to Redis.',
      severity: 'error',
      from: { path: '^(libs|apps)/', pathNot: '^libs/coordination/src/redis/' },
      to: { path: 'node_modules/ioredis/' },
    },
    {
      name: 'libs-without-nest',
      comment: 'libs know no framework.',
      severity: 'error',
      from: { path: '^libs/' },
      to: { path: 'node_modules/(@nestjs|rxjs|fastify|class-transformer)/' },
    },
    {
      name: 'class-validator-in-api-alone',
      comment: 'Only the decorators of libs/api/src/schema use class-validator.',
      severity: 'error',
      from: { path: '^(libs|apps)/', pathNot: '^libs/api/src/schema/' },
      to: { path: 'node_modules/class-validator/' },
    },
    {
      name: 'documents-are-built',
      comment: 'The build makes the documents; a running gateway reads their files.',
      severity: 'error',
      from: { path: '^apps/gateway/src/', pathNot: '^apps/gateway/src/write-documents\\.ts$' },
      to: { path: '^libs/api/src/documents/' },
    },
    {
      name: 'testing-stays-out',
      comment: 'Fakes are for tests.',
      severity: 'error',
      from: { path: '^(libs|apps)/', pathNot: ['\\.test\\.ts$', '/testing/'] },
      to: { path: '/testing/' },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^libs/client/dist/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['source', 'import', 'require', 'node', 'default'],
    },
  },
};
