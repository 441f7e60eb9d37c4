// Counts what the suite has written to a folder, and fails unless every scenario that
// counts was run.
//
//   node counts.mjs WHAT FOLDER SCENARIO…
//
// A scenario has passed if none of its checks has failed; warnings are checks of a
// SHOULD that is not followed.
import { existsSync, readdirSync, readFileSync } from 'node:fs';

const [what, folder, ...scenarios] = process.argv.slice(2);
const found = existsSync(folder) ? readdirSync(folder).filter((dir) => existsSync(`${folder}/${dir}/checks.json`)) : [];
const sum = { scenarios: 0, SUCCESS: 0, FAILURE: 0, WARNING: 0, SKIPPED: 0 };
const missing = [];
for (const scenario of scenarios) {
  const runs = found.filter((dir) => dir.replace(/^(server|authorization-server)-/, '').replace(/-\d{4}-\d\d-\d\dT.*$/, '') === scenario);
  if (runs.length !== 1) {
    missing.push(scenario);
    continue;
  }
  const checks = JSON.parse(readFileSync(`${folder}/${runs[0]}/checks.json`, 'utf8'));
  for (const { status } of checks) sum[status] = (sum[status] ?? 0) + 1;
  if (!checks.some(({ status }) => status === 'FAILURE') && checks.some(({ status }) => status === 'SUCCESS')) sum.scenarios++;
}
const { SUCCESS: passed, FAILURE: failed, WARNING: warnings } = sum;
console.log(`${what}: ${sum.scenarios} of ${scenarios.length} scenarios, ${passed} of ${passed + failed + warnings} checks`
  + ` (${failed} failed, ${warnings} warned)`);
if (missing.length > 0 || scenarios.length === 0) {
  console.error(`${what}: not run: ${missing.join(', ') || 'anything'}`);
  process.exit(1);
}
