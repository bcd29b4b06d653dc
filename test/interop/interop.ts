/**
 * `npm run test:interop`: the generated clients, then Kafka's own tools and broker. Each check says
 * what this machine lacks and skips that part. Ends with 1 when any of them failed.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const CHECKS = {
  'generated clients': 'clients/clients-interop.ts',
  "Kafka's tools and broker": 'kafka/kafka-interop.ts',
};

const failed = Object.entries(CHECKS).filter(([name, script]) => {
  console.log(`\n${name}: ${script}`);
  const path = fileURLToPath(new URL(script, import.meta.url));
  return (
    spawnSync(process.execPath, ['--import', 'jiti/register', path], { stdio: 'inherit' })
      .status !== 0
  );
});
for (const [name] of failed) console.log(`failed: ${name}`);
process.exitCode = failed.length === 0 ? 0 : 1;
