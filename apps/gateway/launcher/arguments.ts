import { parseArgs } from 'node:util';

/** The request that a command line makes. */
export type Command =
  | { readonly kind: 'run'; readonly envFiles: readonly string[] }
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | {
      readonly kind: 'refused';
      /** A sentence that names the argument. */
      readonly reason: string;
    };

/** Lines of `--help` about the arguments that `parseArguments` accepts. */
export const ARGUMENTS_HELP = `  --env-file FILE   read settings from FILE, one VARIABLE=value per line; variables of the
                    environment win over the file. May be repeated: later files win
  -h, --help        print this text
  -v, --version     print the version`;

/**
 * Reads a command line.
 * @param argv arguments without the paths of Node.js and of the program
 */
export function parseArguments(argv: readonly string[]): Command {
  const { tokens } = parseArgs({
    args: [...argv],
    options: {
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean', short: 'v' },
      'env-file': { type: 'string', multiple: true },
    },
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const envFiles: string[] = [];
  const kinds = new Set<'help' | 'version'>();
  for (const token of tokens) {
    if (token.kind === 'positional') return refused(`the argument ${quoted(token.value)}`);
    if (token.kind === 'option-terminator') continue;
    if (token.name === 'env-file') {
      // An empty name, or the next option, is not a file.
      const isMissing = token.value === undefined || token.value === '';
      if (isMissing || (!token.inlineValue && token.value.startsWith('-'))) {
        return { kind: 'refused', reason: '--env-file needs the name of a file' };
      }
      envFiles.push(token.value);
    } else if (token.name === 'help' || token.name === 'version') {
      if (token.value !== undefined) {
        return { kind: 'refused', reason: `${token.rawName} takes no value` };
      }
      kinds.add(token.name);
    } else {
      return refused(`the option ${quoted(token.rawName)}`);
    }
  }
  if (kinds.has('help')) return { kind: 'help' };
  if (kinds.has('version')) return { kind: 'version' };
  return { kind: 'run', envFiles };
}

function refused(argument: string): Command {
  return { kind: 'refused', reason: `${argument} is not known` };
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
