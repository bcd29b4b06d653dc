import { readFileSync } from 'node:fs';

/** The modules of the page's script, each after its imports. */
const MODULES = [
  'credential.js',
  'gateway-http.js',
  'login.js',
  'json-text.js',
  'newest-topic.js',
  'gateway-socket.js',
  'live-topic.js',
  'record-table.js',
  'publish-form.js',
  'topic-picker.js',
  'group-worker.js',
  'worker-pair.js',
  'page.js',
];
const STYLES = ['page.css', 'fields.css', 'records.css', 'workers.css'];

/** The page loads only its own style and script, and connects only to its own gateway. */
export const TRY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  // The favicon is embedded in the page.
  'img-src data:',
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Page that shows a topic live: its text, and its other files by their names. */
export interface TryPage {
  readonly html: string;
  readonly files: ReadonlyMap<string, TryFile>;
}

interface TryFile {
  readonly contentType: string;
  readonly text: string;
}

/** Reads the page, whose script and style are one file each. */
export function readTryPage(): TryPage {
  const script = asOneModule(textOf(MODULES));
  return {
    html: textOf(['page.html']),
    files: new Map([
      ['page.js', { contentType: 'text/javascript; charset=utf-8', text: script }],
      ['page.css', { contentType: 'text/css; charset=utf-8', text: textOf(STYLES) }],
    ]),
  };
}

function textOf(files: readonly string[]): string {
  return files
    .map((file) => readFileSync(new URL(`page/${file}`, import.meta.url), 'utf8'))
    .join('\n');
}

/**
 * Joins the modules into one, which a browser gets with one request: imports among them are
 * removed, and nothing is exported.
 */
function asOneModule(modules: string): string {
  return modules
    .replace(/^import \{[^}]*\} from '\.\/[\w-]+\.js';\n/gm, '')
    .replace(/^export /gm, '');
}
