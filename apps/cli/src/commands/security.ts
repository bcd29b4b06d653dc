import type { Command } from 'commander';
import { type CommandRun, callGateway } from '../command-run.js';
import { UsageError } from '../exit-codes.js';
import { optionsOf } from '../global-options.js';
import { textList, wholeNumber } from '../parse-values.js';
import { confirm } from './topics.js';

const RATES = {
  producerByteRate: 'producer_byte_rate',
  consumerByteRate: 'consumer_byte_rate',
  requestRate: 'request_rate',
  connections: 'connections',
} as const;

interface KeyOptions {
  readonly group?: readonly string[];
  readonly expiresInDays?: number;
}

interface RuleOptions {
  readonly principal?: string;
  readonly topic?: string;
  readonly group?: string;
  readonly cluster?: boolean;
  readonly prefix?: boolean;
  readonly operation?: string;
  readonly deny?: boolean;
}

type QuotaOptions = { readonly [Name in keyof typeof RATES]?: number };
type Rule = Awaited<ReturnType<CommandRun['sluice']['admin']['listAcls']>>['acls'][number];

/** Adds `whoami`, `keys`, `acls` and `quotas`. */
export function addSecurityCommands(program: Command): void {
  program
    .command('whoami')
    .description('show the caller and its permissions')
    .action((_options, command: Command) =>
      callGateway(optionsOf(command), async ({ sluice, output }) => {
        const caller = await sluice.admin.whoami();
        output.either(caller, () => {
          const isSuper = caller.superUser ? ' (super user)' : '';
          output.line(`${output.style('bold', caller.principal)}${isSuper}`);
          for (const group of caller.groups) output.line(group);
          showRules(output, [...caller.allowed, ...caller.denied]);
        });
      }),
    );
  addKeyCommands(program.command('keys').description('create, list and revoke API keys'));
  addRuleCommands(program.command('acls').description('list, add and remove permissions'));
  addQuotaCommands(program.command('quotas').description('show and set the quotas of principals'));
}

function addKeyCommands(keys: Command): void {
  keys
    .command('list')
    .description('list API keys, without their secrets')
    .action((_options, command: Command) =>
      callGateway(optionsOf(command), async ({ sluice, output }) => {
        const document = await sluice.admin.listApiKeys();
        output.either(document, () =>
          output.table(
            ['ID', 'NAME', 'GROUPS', 'EXPIRES'],
            document.keys.map(({ id, name, groups, expiresAt }) => [
              id,
              name,
              groups.join(','),
              expiresAt === null ? 'never' : new Date(expiresAt).toISOString(),
            ]),
          ),
        );
      }),
    );
  keys
    .command('create <name>')
    .description('create an API key, and show it for the only time')
    .option('--group <name>', 'group of the key; repeatable', textList)
    .option('--expires-in-days <days>', 'days until the key expires', wholeNumber(1))
    .action((name: string, _options, command: Command) => {
      const options = optionsOf<KeyOptions>(command);
      return callGateway(options, async ({ sluice, output }) => {
        const { group, expiresInDays } = options;
        const created = await sluice.admin.createApiKey({
          name,
          ...(group === undefined ? {} : { groups: [...group] }),
          ...(expiresInDays === undefined ? {} : { expiresAt: daysFromNow(expiresInDays) }),
        });
        output.either(created, () => output.line(created.key));
      });
    });
  keys
    .command('rotate <id>')
    .description('give a key a new secret, and show it for the only time')
    .option('--overlap-seconds <seconds>', 'time for which the old secret is valid', wholeNumber(0))
    .action((id: string, _options, command: Command) => {
      const options = optionsOf<{ readonly overlapSeconds?: number }>(command);
      return callGateway(options, async ({ sluice, output }) => {
        const { overlapSeconds = 0 } = options;
        const rotated = await sluice.admin.rotateApiKey({ id, overlapSeconds });
        output.either(rotated, () => output.line(rotated.key));
      });
    });
  keys
    .command('delete <id>')
    .description('revoke a key for ever')
    .option('--yes', 'do it without asking')
    .action(async (id: string, _options, command: Command) => {
      const options = optionsOf<{ readonly yes?: boolean }>(command);
      if (options.yes !== true) await confirm(`Revoke key ${id} for ever?`);
      await callGateway(options, async ({ sluice, output }) => {
        const revocation = await sluice.admin.deleteApiKey({ id });
        const { appliedBy, missing } = revocation;
        const late = missing.length === 0 ? '' : `; not yet by brokers ${missing.join(', ')}`;
        output.either(revocation, () =>
          output.note(`Key ${id} is revoked, by brokers ${appliedBy.join(', ')}${late}.`),
        );
      });
    });
}

function addRuleCommands(acls: Command): void {
  acls
    .command('list')
    .description('list permissions')
    .option('--principal <principal>', 'only those of a principal, such as key:<id>')
    .action((_options, command: Command) => {
      const { principal, ...options } = optionsOf<RuleOptions>(command);
      return callGateway(options, async ({ sluice, output }) => {
        const filter = principal === undefined ? {} : { principal };
        const document = await sluice.admin.listAcls(filter);
        output.either(document, () => showRules(output, document.acls));
      });
    });
  withRuleOptions(acls.command('add').description('allow or deny something to a principal'))
    .option('--deny', 'deny it in place of allowing it')
    .action((_options, command: Command) => {
      const options = optionsOf<RuleOptions>(command);
      const rule = ruleOf(options);
      return callGateway(options, async ({ sluice, output }) => {
        const created = await sluice.admin.createAcls({ acls: [rule] });
        output.either(created, () => output.note('The rule exists.'));
      });
    });
  withRuleOptions(acls.command('remove').description('remove one rule'))
    .option('--deny', 'the rule denies')
    .action((_options, command: Command) => {
      const options = optionsOf<RuleOptions>(command);
      const rule = ruleOf(options);
      return callGateway(options, async ({ sluice, output }) => {
        const removed = await sluice.admin.deleteAcls(rule);
        output.either(removed, () => output.note(`Removed rules: ${removed.acls.length}.`));
      });
    });
}

function withRuleOptions(command: Command): Command {
  return command
    .requiredOption('--principal <principal>', 'such as key:<id>, user:<name> or group:<name>')
    .requiredOption('--operation <operation>', 'such as Read, Write, Create, Describe or All')
    .option('--topic <name>', 'the topic; "*" for all')
    .option('--group <name>', 'the consumer group; "*" for all')
    .option('--cluster', 'the cluster')
    .option('--prefix', 'the name is a prefix: the rule holds for all names that begin with it');
}

/** @throws UsageError unless the options name one resource */
function ruleOf({ principal = '', operation = '', deny, ...named }: RuleOptions): Rule {
  const { topic, group, cluster, prefix } = named;
  const resources = [
    ...(topic === undefined ? [] : [['topic', topic]]),
    ...(group === undefined ? [] : [['group', group]]),
    ...(cluster === true ? [['cluster', 'cluster']] : []),
  ];
  const [resource] = resources;
  if (resource === undefined || resources.length > 1) {
    throw new UsageError('Give one of --topic, --group and --cluster.');
  }
  const [resourceType, resourceName] = resource;
  return {
    principal,
    resourceType,
    resourceName,
    patternType: prefix === true ? 'prefixed' : 'literal',
    operation,
    permission: deny === true ? 'deny' : 'allow',
  } as Rule;
}

function addQuotaCommands(quotas: Command): void {
  quotas
    .command('show <principal>')
    .description('show the quotas of a principal, or of "default"')
    .action((principal: string, _options, command: Command) =>
      callGateway(optionsOf(command), async ({ sluice, output }) => {
        const quota = await sluice.admin.describeQuota({ principal });
        output.either(quota, () =>
          output.table(
            ['QUOTA', 'AT EACH BROKER'],
            Object.values(RATES).map((name) => [name, quota[name] ?? 'none']),
          ),
        );
      }),
    );
  quotas
    .command('set <principal>')
    .description('replace the quotas of a principal, or of "default"')
    .option('--producer-byte-rate <bytes>', 'bytes per second that it may produce', wholeNumber(1))
    .option('--consumer-byte-rate <bytes>', 'bytes per second that it may read', wholeNumber(1))
    .option('--request-rate <requests>', 'requests and messages per second', wholeNumber(1))
    .option('--connections <number>', 'open connections', wholeNumber(1))
    .action((principal: string, _options, command: Command) => {
      const options = optionsOf<QuotaOptions>(command);
      const quota: Partial<Record<(typeof RATES)[keyof typeof RATES], number>> = {};
      for (const [option, name] of Object.entries(RATES)) {
        const value = options[option as keyof QuotaOptions];
        if (value !== undefined) quota[name] = value;
      }
      if (Object.keys(quota).length === 0) {
        throw new UsageError('Give at least one quota: "quotas delete" removes all of them.');
      }
      return callGateway(options, async ({ sluice, output }) => {
        const set = await sluice.admin.setQuota({ principal, ...quota });
        output.either(set, () => output.note(`The quotas of ${principal} are set.`));
      });
    });
  quotas
    .command('delete <principal>')
    .description('remove the quotas of a principal, or of "default"')
    .action((principal: string, _options, command: Command) =>
      callGateway(optionsOf(command), async ({ sluice, output }) => {
        await sluice.admin.deleteQuota({ principal });
        output.note(`The quotas of ${principal} are removed.`);
      }),
    );
}

function showRules(output: CommandRun['output'], rules: readonly Rule[]): void {
  output.table(
    ['PRINCIPAL', 'PERMISSION', 'OPERATION', 'RESOURCE', 'NAME', 'PATTERN'],
    rules.map((rule) => [
      rule.principal,
      rule.permission,
      rule.operation,
      rule.resourceType,
      rule.resourceName,
      rule.patternType,
    ]),
  );
}

function daysFromNow(days: number): number {
  return Date.now() + days * 24 * 60 * 60 * 1000;
}
