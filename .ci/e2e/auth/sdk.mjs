// An app on the official TypeScript SDK that knows nothing but the server's URL. The
// SDK discovers, registers (or is told a client_id), makes the challenge, redeems the
// code and refreshes; the app only opens the page and keeps what it is given.
//
//   node sdk.mjs 1|2 URL STATE [CLIENT_ID]     first time: a person signs in and allows
//   node sdk.mjs 1|2 URL STATE --later         another process, another day: no person
//
// 1 is @modelcontextprotocol/sdk, 2 is @modelcontextprotocol/client. STATE is the file
// in which the app keeps what it knows. DPOP=1 (SDK 2.x) binds the tokens to a key.
// WITHOUT=SERVICE takes that out at first, and asks for it when a tool of it is called.
// COMPANY=1 signs in at the company's provider, PERSON and PASSWORD name who.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { answer } from './person.mjs';

export async function load(major) {
  if (major === '2') return import('@modelcontextprotocol/client');
  const [client, http, auth, extensions] = await Promise.all([
    import('@modelcontextprotocol/sdk/client/index.js'), import('@modelcontextprotocol/sdk/client/streamableHttp.js'),
    import('@modelcontextprotocol/sdk/client/auth.js'), import('@modelcontextprotocol/sdk/client/auth-extensions.js'),
  ]);
  return { ...client, ...http, ...auth, ...extensions };
}

/** App is what an app has to give the SDK: a place to keep things, and a way to open a page. */
export class App {
  constructor(file, redirectUrl, clientID, dpop) {
    this.file = file;
    this.kept = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
    this.redirectUrl = redirectUrl ?? this.kept.redirectUrl;
    if (clientID) this.kept.client = { client_id: clientID };
    if (dpop) this.dpop = () => dpop;
    this.saves = 0;
  }
  keep(what) {
    Object.assign(this.kept, { redirectUrl: this.redirectUrl }, what);
    writeFileSync(this.file, JSON.stringify(this.kept), { mode: 0o600 });
  }
  get clientMetadata() {
    return {
      client_name: 'End-to-end app', redirect_uris: [this.redirectUrl], token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
    };
  }
  state() { return this.wanted = crypto.randomUUID(); }
  clientInformation() { return this.kept.client; }
  saveClientInformation(client) { this.keep({ client }); }
  tokens() { return this.kept.tokens; }
  saveTokens(tokens) { this.saves++; this.keep({ tokens }); }
  redirectToAuthorization(url) { this.page = url; }
  saveCodeVerifier(verifier) { this.verifier = verifier; }
  codeVerifier() { return this.verifier; }
}

/** listen is the app's callback: its URL, and what comes back there. */
export async function listen() {
  const server = http.createServer();
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  const redirectUrl = `http://127.0.0.1:${server.address().port}/callback`;
  const came = new Promise((came) => server.on('request', (req, res) => {
    res.setHeader('content-type', 'text/html');
    res.end('<!doctype html><title>app</title><p>Connected.');
    const url = new URL(req.url, redirectUrl);
    if (url.pathname === '/callback') came(url.searchParams);
  }));
  return { redirectUrl, came, close: () => { server.closeAllConnections(); server.close(); } };
}

/** use connects, lists the tools and calls one. */
export async function use(sdk, url, authProvider, [tool, args] = ['toolvault_whoami', {}]) {
  const transport = new sdk.StreamableHTTPClientTransport(new URL(url), { authProvider });
  const client = new sdk.Client({ name: 'toolvault-e2e', version: '1.0.0' });
  try {
    await client.connect(transport);
    const { tools } = await client.listTools();
    const result = await client.callTool({ name: tool, arguments: args });
    if (result.isError) throw new Error(`${tool} failed: ${JSON.stringify(result.content)}`);
    return { tools: tools.length, text: result.content.map((c) => c.text).join('\n') };
  } finally {
    await client.close().catch(() => {});
  }
}

export function must(what, ok, detail = '') {
  if (!ok) throw new Error(`not so: ${what}${detail && ': ' + detail}`);
}

export function claims(token) { return JSON.parse(Buffer.from(token.split('.')[1], 'base64url')); }

/** first goes the whole way from a bare URL, and returns the app. */
export async function first(sdk, url, file, { clientID, dpop, tool, person, ask = answer } = {}) {
  const callback = await listen();
  try {
    const app = new App(file, callback.redirectUrl, clientID, dpop);
    let refused;
    await use(sdk, url, app, tool).catch((err) => { refused = err; });
    must('the SDK asks for a person', refused instanceof sdk.UnauthorizedError && app.page, String(refused?.stack));
    const end = await ask(app.page.href, person);
    const params = await Promise.race([callback.came, new Promise((_, no) => setTimeout(no, 5000, new Error('nobody came to ' + callback.redirectUrl + ' but ' + end.url)))]);
    must('the state comes back', params.get('state') === app.wanted);
    must('there is a code', params.get('code'), params.toString());
    const transport = new sdk.StreamableHTTPClientTransport(new URL(url), { authProvider: app });
    await (sdk.IssuerMismatchError ? transport.finishAuth(params) : transport.finishAuth(params.get('code')));
    await transport.close();
    return { app, end, used: await use(sdk, url, app, tool) };
  } finally {
    callback.close();
  }
}

/** stepUp is given all but one service, calls a tool of that one, and is sent back to the person. */
async function stepUp(sdk, url, file) {
  const tool = ['hubspot_get_object', { object_type: 'contacts', id: '1' }];
  const { app } = await first(sdk, url, file, { person: { without: process.env.WITHOUT } });
  must('it was not given that', !app.tokens().scope.includes(process.env.WITHOUT), app.tokens().scope);
  const again = await first(sdk, url, file, { tool });
  return { before: app.tokens().scope, after: again.app.tokens().scope, ...again.used };
}

async function main([major, url, file, more]) {
  const sdk = await load(major);
  const tool = process.env.TOOL ? [process.env.TOOL, JSON.parse(process.env.ARGUMENTS ?? '{}')] : undefined;
  if (more === '--later') {
    const app = new App(file);
    const before = { ...app.tokens() };
    // Its time is over, or its key is gone: to the app that is the same.
    app.kept.tokens.access_token = before.access_token.slice(0, -8) + 'AAAAAAAA';
    const used = await use(sdk, url, app, tool);
    must('nobody is asked', !app.page, String(app.page));
    must('the SDK refreshed once', app.saves === 1, `${app.saves} times`);
    must('the refresh token is another', app.tokens().refresh_token && app.tokens().refresh_token !== before.refresh_token);
    return { ...used, refreshed: true };
  }
  // More than it was given needs a person again; after that the same call works.
  if (process.env.WITHOUT) return stepUp(sdk, url, file);
  const dpop = process.env.DPOP ? await sdk.DpopSession.create() : undefined;
  const person = { name: process.env.PERSON, password: process.env.PASSWORD, atCompany: Boolean(process.env.COMPANY) };
  const { app, end, used } = await first(sdk, url, file, { clientID: more, dpop, tool, person });
  must('there is a refresh token', app.tokens().refresh_token);
  const token = claims(app.tokens().access_token);
  must('the token is for this server', [token.aud].flat().includes(url), JSON.stringify(token));
  must('the page says which app', end.shown.includes(more ? 'Known app' : 'End-to-end app'), end.shown);
  if (dpop) {
    must('the token is bound to the key', token.cnf?.jkt === dpop.thumbprint && app.tokens().token_type === 'DPoP', JSON.stringify(token));
    const stolen = await fetch(url, { method: 'POST', headers: { authorization: `Bearer ${app.tokens().access_token}` } });
    must('without the key it is worth nothing', stolen.status === 401, String(stolen.status));
  }
  return { ...used, client: token.client_id, sub: token.sub, act: token.act?.sub, scope: token.scope, clicks: end.clicks };
}

if (process.argv[1]?.endsWith('/sdk.mjs')) {
  try {
    console.log(JSON.stringify(await main(process.argv.slice(2))));
  } catch (err) {
    console.log(JSON.stringify({ error: err.stack }));
    process.exitCode = 1;
  }
}
