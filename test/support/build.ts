import { execFileSync } from 'node:child_process';

/** Builds the gateway once before the integration tests, unless the build is current. */
export default function build(): void {
  execFileSync(process.execPath, ['scripts/build-if-needed.mjs'], { stdio: 'inherit' });
}
