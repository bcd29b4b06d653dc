import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

/** Files of Swagger UI for the page, with their types. */
const ASSETS: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

const require = createRequire(import.meta.url);
const folder = pathToFileURL(require.resolve('swagger-ui-dist/package.json'));

/**
 * The page loads only from this gateway: it works without a network, and no other host sees its
 * visitors. Swagger UI writes style attributes and shows its own images as data URLs.
 */
export const DOCS_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Addresses are relative, so that the page works behind a proxy that adds a path. */
export const DOCS_PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>Sluice API</title>
    <link rel="icon" href="docs/favicon-32x32.png">
    <link rel="stylesheet" href="docs/swagger-ui.css">
  </head>
  <body>
    <div id="api"></div>
    <script src="docs/swagger-ui-bundle.js"></script>
    <script src="docs/start.js"></script>
  </body>
</html>
`;

/**
 * validatorUrl is null, because the page would otherwise send the document's address to an external
 * validator.
 */
export const DOCS_SCRIPT = `const dark = matchMedia('(prefers-color-scheme: dark)');
const followScheme = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
dark.addEventListener('change', followScheme);
followScheme();

// In the order of the document, but what deletes comes last: nobody should try that first.
const deletes = (operation) => Number(operation.get('method') === 'delete');

SwaggerUIBundle({
  url: 'openapi.json',
  operationsSorter: (a, b) => deletes(a) - deletes(b),
  dom_id: '#api',
  deepLinking: true,
  validatorUrl: null,
  displayRequestDuration: true,
  tryItOutEnabled: true,
});
`;

export interface DocsAsset {
  readonly contentType: string;
  readonly bytes: Buffer;
}

/** Returns a file of the page by its name; undefined if the page has no such file. */
export async function docsAsset(name: string): Promise<DocsAsset | undefined> {
  const contentType = Object.hasOwn(ASSETS, name) ? ASSETS[name] : undefined;
  if (contentType === undefined) return undefined;
  return { contentType, bytes: await readFile(new URL(name, folder)) };
}
