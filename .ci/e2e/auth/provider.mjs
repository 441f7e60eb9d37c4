// A company's OpenID provider (npm oidc-provider, certified): people of a company sign
// in there, and programs get access tokens (RFC 9068) for the resource they name.
//
//   node provider.mjs TOOLVAULT FOREIGN     two servers of ours: one at which its people
//                                           sign in, one that takes its access tokens
//
//   GET /crm/objects/VERSION/contacts/ID     a service with one contact, Dana
//   GET /offboard?sub=ID     the provider ends that person's sessions (back-channel logout)
import http from 'node:http';
import { Provider } from 'oidc-provider';

const [toolvault, foreign] = process.argv.slice(2);
const server = http.createServer();
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const url = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(url, {
  clients: [{
    client_id: 'toolvault', client_secret: 'a secret of the company', redirect_uris: [`${toolvault}/signin/company/callback`],
    response_types: ['code'], grant_types: ['authorization_code'], token_endpoint_auth_method: 'client_secret_basic',
    backchannel_logout_uri: `${toolvault}/signin/company/logout`,
  }, {
    client_id: 'robot', client_secret: 'a secret of the robot', redirect_uris: [], response_types: [],
    grant_types: ['client_credentials'], token_endpoint_auth_method: 'client_secret_basic',
  }],
  claims: { openid: ['sub', 'groups'], email: ['email', 'email_verified'], profile: ['preferred_username'] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true, preferred_username: id, groups: ['support'] }),
  }),
  features: {
    backchannelLogout: { enabled: true },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, resource) => ({ scope: 'tools', audience: resource, accessTokenFormat: 'jwt', accessTokenTTL: 300 }),
      defaultResource: () => `${foreign}/mcp`,
    },
  },
  // Backchannel logout goes to this machine here.
  fetch: (input, options) => { delete options.dispatcher; return globalThis.fetch(input, options); },
  ttl: { AccessToken: 300, Grant: 3600, IdToken: 60, Session: 3600, Interaction: 600, ClientCredentials: 300 },
});
provider.on('server_error', (_, err) => console.error(err.stack));
provider.on('backchannel.error', (_, err) => console.error(err.stack));

const oidc = provider.callback();
server.on('request', async (req, res) => {
  const asked = new URL(req.url, url);
  if (asked.pathname.startsWith('/crm/')) {
    res.setHeader('content-type', 'application/json');
    return res.end(JSON.stringify({
      id: asked.pathname.split('/').pop(), properties: { firstname: 'Dana', lastname: 'Whitfield' },
      createdAt: '2026-01-01T00:00:00Z', updatedAt: '2026-01-01T00:00:00Z', archived: false,
    }));
  }
  if (asked.pathname !== '/offboard') return oidc(req, res);
  try {
    const client = await provider.Client.find('toolvault');
    await client.backchannelLogout(asked.searchParams.get('sub'), undefined);
    res.end('ended');
  } catch (err) {
    res.statusCode = 502;
    res.end(err.stack);
  }
});
console.log(url);
