// A person leaves the company: within a second nothing that an app has for them works.
//
//   node offboard.mjs URL STATE OFFBOARD     STATE is the app's, of sdk.mjs
import { readFileSync } from 'node:fs';
import { must } from './sdk.mjs';

const [url, state, offboard] = process.argv.slice(2);
const { tokens } = JSON.parse(readFileSync(state, 'utf8'));
const whoami = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'toolvault_whoami', arguments: {} } };
const status = async () => (await fetch(url, {
  method: 'POST', body: JSON.stringify(whoami),
  headers: { authorization: `Bearer ${tokens.access_token}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
})).status;
try {
  must('the token is good before', await status() === 200);
  const told = await fetch(offboard);
  must('the provider could tell', told.ok, await told.text());
  const start = performance.now();
  let last = await status();
  while (last !== 401 && performance.now() - start < 1000) last = await status();
  must('within a second it is not', last === 401, String(last));
  console.log(JSON.stringify({ gone_after_ms: Math.round(performance.now() - start) }));
} catch (err) {
  console.log(JSON.stringify({ error: err.stack }));
  process.exitCode = 1;
}
