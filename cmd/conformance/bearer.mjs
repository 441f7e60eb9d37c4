// Shows that the server asks for a token of its own: a request without one, and one
// with any other, is answered 401 and told where to get one, on both wires.
//
//   node bearer.mjs URL      of the server, not of the proxy that adds the token
const url = process.argv[2] + '/mcp';
const wires = {
  '2026-07-28': {
    headers: { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' },
    params: { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} } },
  },
  '2025-11-25': { headers: { 'mcp-protocol-version': '2025-11-25' }, params: {} },
};
const b64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const forged = `${b64({ alg: 'none', typ: 'at+jwt' })}.${b64({ iss: process.argv[2], aud: url, sub: 'conformance', exp: 4102444800 })}.AA`;
const tokens = { 'no token': undefined, 'a text that is no token': 'Bearer wrong', 'a token that nobody signed': `Bearer ${forged}` };

for (const [wire, { headers, params }] of Object.entries(wires)) {
  for (const [what, authorization] of Object.entries(tokens)) {
    const r = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers, ...(authorization ? { authorization } : {}),
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params }),
      signal: AbortSignal.timeout(10_000),
    });
    const challenge = r.headers.get('www-authenticate') ?? '';
    if (r.status !== 401 || !/^Bearer .*resource_metadata="/.test(challenge)) {
      console.error(`${wire}, ${what}: wanted 401 and where to get a token, got ${r.status} ${challenge}`);
      process.exit(1);
    }
  }
}
console.log('without a token of ours: 401, on both wires');
