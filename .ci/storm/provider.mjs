// An OpenID provider as a company runs it, and an API that takes its tokens: the
// counterpart of cmd/storm. Refresh tokens are good for one use; a second use
// revokes the whole grant. Access tokens live as long as TTL says, in seconds.
//
//   GET  /grant       a new grant, as after a person's consent: {refresh_token}
//   GET  /stats       what has happened so far
//   GET  /crm/objects/VERSION/contacts/ID      the API: 401 unless the token is in force
//   POST /token       the provider's token endpoint (RFC 6749)
import http from 'node:http';
import { Provider } from 'oidc-provider';

const ttl = Number(process.env.TTL ?? 2);
const client = { client_id: 'toolvault', client_secret: process.env.CLIENT_SECRET };
const stats = { refreshes: 0, early: 0, reused: 0, refused: {}, calls: 0, unauthorized: 0, most_at_once: 0 };
let issued = 0; // when the newest access token was, in milliseconds
let asking = 0;

const server = http.createServer();
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const url = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(url, {
  clients: [{
    ...client, redirect_uris: [`${url}/callback`], response_types: ['code'],
    grant_types: ['authorization_code', 'refresh_token'], token_endpoint_auth_method: 'client_secret_basic',
  }],
  scopes: ['openid', 'offline_access', 'crm.objects.contacts.read', 'oauth'],
  rotateRefreshToken: true,
  ttl: { AccessToken: ttl, RefreshToken: 24 * 3600, Grant: 24 * 3600, IdToken: 60 },
  features: { devInteractions: { enabled: false } },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  jwks: undefined,
});
provider.on('grant.success', (ctx) => {
  if (ctx.oidc.params.grant_type !== 'refresh_token') return;
  stats.refreshes++;
  // A token that is replaced long before its end was refreshed by two.
  if (issued && Date.now() - issued < (ttl * 1000) / 4) stats.early++;
  issued = Date.now();
});
provider.on('grant.error', (ctx, err) => {
  const why = err.error_detail ?? err.error_description ?? err.message;
  stats.refused[why] = (stats.refused[why] ?? 0) + 1;
  if (/already used|consumed/.test(why)) stats.reused++;
});

async function grant() {
  const g = new provider.Grant({ clientId: client.client_id, accountId: 'person-1' });
  const scope = 'openid offline_access crm.objects.contacts.read oauth';
  g.addOIDCScope(scope);
  const grantId = await g.save();
  const token = new provider.RefreshToken({
    client: await provider.Client.find(client.client_id), accountId: 'person-1', grantId, scope,
    gty: 'authorization_code', authTime: Math.floor(Date.now() / 1000), rotations: 0,
  });
  issued = 0;
  return token.save();
}

const oidc = provider.callback();
server.on('request', async (req, res) => {
  const answer = (status, body) => {
    res.writeHead(status, { 'content-type': 'application/json' });
    res.end(JSON.stringify(body));
  };
  if (req.url === '/grant') return answer(200, { refresh_token: await grant() });
  if (req.url === '/stats') return answer(200, stats);
  if (req.url.startsWith('/crm/') || req.url.startsWith('/account-info/')) {
    stats.calls++;
    const token = await provider.AccessToken.find((req.headers.authorization ?? '').replace(/^Bearer /, ''));
    if (!token || token.isExpired) {
      stats.unauthorized++;
      return answer(401, { status: 'error', message: 'The token has expired', category: 'EXPIRED_AUTHENTICATION', correlationId: '1' });
    }
    if (req.url.startsWith('/account-info/')) return answer(200, { portalId: 1, uiDomain: 'app.hubspot.com', accountType: 'STANDARD', timeZone: 'UTC', companyCurrency: 'EUR' });
    const id = req.url.split('?')[0].split('/').pop();
    return answer(200, { id, properties: { firstname: 'Dana', lastname: 'Whitfield' }, createdAt: '2026-01-01T00:00:00Z', updatedAt: '2026-01-01T00:00:00Z', archived: false });
  }
  if (req.url === '/token') {
    stats.most_at_once = Math.max(stats.most_at_once, ++asking);
    res.on('close', () => asking--);
  }
  oidc(req, res);
});
console.log(JSON.stringify({ url, client_id: client.client_id }));
