// Runs the suite's `authorization` command and does what it asks of a person: opens
// the URL that it prints, signs in, and allows.
//
//   node authorize.mjs NAME PASSWORD LOG ARGUMENT…      of the command, but for the port
//
// With FORMS=1 the person needs no browser. What the command says goes to LOG.
import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { createServer } from 'node:net';
import { answer } from '../../.ci/e2e/auth/person.mjs';

const [name, password, logFile, ...args] = process.argv.slice(2);

const port = await new Promise((found) => {
  const s = createServer().listen(0, '127.0.0.1', () => {
    const { port } = s.address();
    s.close(() => found(port));
  });
});
const log = createWriteStream(logFile);
const suite = spawn('conformance', ['authorization', ...args, '-p', String(port)], { stdio: ['ignore', 'pipe', 'pipe'] });
let said = '';
let opened = false;
function hear(chunk) {
  log.write(chunk);
  said += chunk;
  const [url] = /^https?:\S*[?&]response_type=code\S*(?=\s)/m.exec(said) ?? [];
  if (!url || opened || !said.includes('Callback server started')) return;
  opened = true;
  answer(url, { name, password }).catch((err) => fail(err.stack)); // the suite would wait for minutes
}
function fail(why) {
  console.error(why);
  process.exitCode = 1;
  suite.kill();
}
suite.stdout.on('data', hear);
suite.stderr.on('data', hear);
const late = setTimeout(() => fail('the authorization command did not end within a minute'), 60_000);
suite.on('error', (err) => fail(err.message));
suite.on('close', (code) => {
  clearTimeout(late);
  log.end();
  if (code !== 0) process.exitCode = 1;
});
