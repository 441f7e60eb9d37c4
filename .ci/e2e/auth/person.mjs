// What a person does on toolvault's pages: sign in and answer the question what a
// client may do. In a real Chromium through chromedriver (W3C WebDriver), or, with
// FORMS=1, by plain HTTP.
//
//   node person.mjs URL [NAME PASSWORD [COMPANY]]
//
// opens URL (a client's authorization request), signs in, allows, and prints the URL
// at which the browser ends: the client's callback. COMPANY is the name of the button
// of the company's provider; the sign-in is then there. From another program:
// `answer(url, options)`, or a Browser that stays open.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { answerForms } from './forms.mjs';

const elementKey = 'element-6066-11e4-a52e-4f735466cecf';

/** Browser is one window of Chromium without a history. */
export class Browser {
  static async open() {
    const b = new Browser();
    b.home = mkdtempSync(join(tmpdir(), 'toolvault-browser-'));
    b.driver = spawn('chromedriver', ['--port=0'], { env: { ...process.env, HOME: b.home }, stdio: ['ignore', 'pipe', 'ignore'] });
    const port = await new Promise((found, failed) => {
      let text = '';
      b.driver.on('error', () => failed(new Error('there is no chromedriver: install chromium and chromium-driver')));
      b.driver.on('exit', () => failed(new Error('chromedriver ended')));
      b.driver.stdout.on('data', (chunk) => {
        text += chunk;
        const m = /started successfully on port (\d+)/.exec(text);
        if (m) found(m[1]);
      });
    });
    b.base = `http://127.0.0.1:${port}`;
    const args = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'];
    const { sessionId } = await b.call('POST', '/session', {
      capabilities: { alwaysMatch: { browserName: 'chrome', 'goog:chromeOptions': { args } } },
    });
    b.base += `/session/${sessionId}`;
    return b;
  }

  async call(method, path, body) {
    const answer = await fetch(this.base + path, {
      method, body: method === 'POST' ? JSON.stringify(body ?? {}) : undefined, signal: AbortSignal.timeout(60_000),
    });
    const { value } = await answer.json();
    if (!answer.ok) throw new Error(`${method} ${path}: ${value.error}: ${String(value.message).slice(0, 300)}`);
    return value;
  }

  go(url) { return this.call('POST', '/url', { url }); }
  url() { return this.call('GET', '/url'); }
  script(script) { return this.call('POST', '/execute/sync', { script, args: [] }); }
  text() { return this.script('return document.body ? document.body.innerText : ""'); }

  /** find returns the ids of what a CSS selector finds. */
  async find(value) {
    return (await this.call('POST', '/elements', { using: 'css selector', value })).map((e) => e[elementKey]);
  }

  async click(selector) {
    const [id] = await this.find(selector);
    if (!id) throw new Error(`nothing is ${selector} on the page:\n${await this.text()}`);
    await this.call('POST', `/element/${id}/click`);
    this.clicks = (this.clicks ?? 0) + 1;
  }

  async type(selector, text) {
    const [id] = await this.find(selector);
    if (!id) throw new Error(`nothing is ${selector} on the page:\n${await this.text()}`);
    await this.call('POST', `/element/${id}/value`, { text });
  }

  /** until waits for the first of several selectors, ten seconds at most. */
  async until(...selectors) {
    for (const end = Date.now() + 10_000; Date.now() < end; await sleep(20)) {
      for (const s of selectors) if ((await this.find(s).catch(() => [])).length > 0) return s;
    }
    throw new Error(`none of ${selectors.join(', ')} in ten seconds; ${await this.url()} shows:\n${await this.text()}`);
  }

  async close() {
    await this.call('DELETE', '').catch(() => {});
    this.driver.removeAllListeners('exit');
    this.driver.kill();
    rmSync(this.home, { recursive: true, force: true, maxRetries: 5 });
  }
}

const company = 'a.button[href*="/signin/company"]';
const allow = 'button[value=allow]';

/** answer opens a client's authorization request, signs in if asked, and allows: all, or all without a service. */
export async function answer(url, { name = 'ada', password = 'correct horse battery', atCompany = false, agent, without, browser } = {}) {
  if (process.env.FORMS) return answerForms(url, { name, password, agent, without });
  const b = browser ?? await Browser.open();
  try {
    b.clicks = 0;
    await b.go(url);
    if (await b.until('#password', company, allow) !== allow) {
      if (atCompany) {
        await b.click(company);
        await b.until('input[name=login]', allow); // the provider may know them already
        if ((await b.find('input[name=login]')).length > 0) {
          await b.type('input[name=login]', name);
          await b.type('input[name=password]', password);
          await b.click('button[type=submit]');
          await b.until('form[action*=confirm], a[href*=abort], ' + allow);
          if ((await b.find(allow)).length === 0) await b.click('button[type=submit]');
        }
      } else {
        await b.type('#name', name);
        await b.type('#password', password);
        await b.click('button[type=submit]');
      }
      await b.until(allow);
    }
    const shown = await b.text();
    if (agent && (await b.find(`input[name=agent][type=radio][value="${agent}"]`)).length > 0) {
      await b.click(`input[name=agent][value="${agent}"]`);
    }
    if (without) await b.click(`input[name=part][value="${without}"]`);
    const here = await b.url();
    await b.click(allow);
    for (const end = Date.now() + 10_000; Date.now() < end; await sleep(20)) {
      const at = await b.url();
      if (new URL(at).host !== new URL(here).host) return { url: at, shown, clicks: b.clicks };
    }
    throw new Error(`after Allow the browser is still at ${await b.url()}:\n${await b.text()}`);
  } finally {
    if (!browser) await b.close();
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [url, name, password, atCompany] = process.argv.slice(2);
  const end = await answer(url, { name, password, atCompany: Boolean(atCompany) });
  console.log(end.url);
}
