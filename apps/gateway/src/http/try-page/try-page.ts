import { createHash } from 'node:crypto';
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

export interface TryPage {
  readonly html: string;
  /**
   * Content-Security-Policy: the page runs only this style and this script, by their hashes, and
   * connects only to its own gateway.
   */
  readonly policy: string;
}

/** Builds the page that shows a topic live: one file that loads nothing else. */
export function readTryPage(): TryPage {
  const style = textOf(STYLES);
  const script = asOneModule(textOf(MODULES));
  // The replacements are functions, because $ has a meaning in a replacement text.
  const html = textOf(['page.html'])
    .replace('<!-- style -->', () => style)
    .replace('<!-- script -->', () => script);
  const policy = [
    "default-src 'none'",
    `script-src ${hashSource(script)}`,
    `style-src ${hashSource(style)}`,
    // The favicon is embedded in the page.
    'img-src data:',
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  return { html, policy };
}

function textOf(files: readonly string[]): string {
  return files
    .map((file) => readFileSync(new URL(`page/${file}`, import.meta.url), 'utf8'))
    .join('\n');
}

/**
 * Joins the modules into one, so that the page is one file: imports among them are removed, and
 * nothing is exported.
 */
function asOneModule(modules: string): string {
  return modules
    .replace(/^import \{[^}]*\} from '\.\/[\w-]+\.js';\n/gm, '')
    .replace(/^export /gm, '');
}

function hashSource(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
