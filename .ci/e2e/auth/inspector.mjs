// The MCP inspector's command line with its own OAuth: it is given a URL and nothing
// else, prints a page to open, and a person signs in and allows there.
//
//   node inspector.mjs URL
import { spawn } from 'node:child_process';
import { answer } from './person.mjs';

const [url] = process.argv.slice(2);
const args = ['--cli', '--server-url', url, '--transport', 'http', '--method', 'tools/call', '--tool-name', 'toolvault_whoami', '--format', 'json'];
// It asks nobody unless it may open a browser, which is ours to do: BROWSER does nothing.
const env = { ...process.env, MCP_AUTO_OPEN_ENABLED: 'true', BROWSER: 'true' };
const inspector = spawn('mcp-inspector', args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
let said = '';
let opened = false;
let text = '';
inspector.stdout.on('data', (chunk) => { text += chunk; hear(chunk); });
inspector.stderr.on('data', hear);
function hear(chunk) {
  said += chunk;
  const [page] = /https?:\S*[?&]response_type=code\S*(?=\s)/.exec(said) ?? [];
  if (!page || opened) return;
  opened = true;
  answer(page).catch((err) => { console.error(err.stack); inspector.kill(); });
}
const late = setTimeout(() => inspector.kill(), 60_000);
inspector.on('error', (err) => { console.error(err.message); process.exitCode = 1; });
inspector.on('close', (code) => {
  clearTimeout(late);
  if (code !== 0 || !opened) {
    console.error(`exit code ${code}, a person was ${opened ? '' : 'not '}asked:\n${said}`);
    process.exitCode = 1;
  }
  console.log(text);
});
