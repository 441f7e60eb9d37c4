// Programs without a person on the official TypeScript SDKs, with the SDKs' own
// providers for client credentials: with a secret, and with a key (private_key_jwt).
//
//   node programs.mjs 1|2 URL secret ID SECRET
//   node programs.mjs 1|2 URL key ID FILE        a private key, PKCS#8 PEM, ES256
import { readFileSync } from 'node:fs';
import { claims, load, must, use } from './sdk.mjs';

try {
  const [major, url, how, clientId, proof] = process.argv.slice(2);
  const sdk = await load(major);
  const expectedIssuer = process.env.ISSUER ?? new URL(url).origin;
  const provider = how === 'secret'
    ? new sdk.ClientCredentialsProvider({ clientId, clientSecret: proof, expectedIssuer, scope: process.env.SCOPE })
    : new sdk.PrivateKeyJwtProvider({ clientId, privateKey: readFileSync(proof, 'utf8'), algorithm: 'ES256', expectedIssuer, scope: process.env.SCOPE });
  const used = await use(sdk, url, provider);
  const token = claims(provider.tokens().access_token);
  must('the token is for this server', [token.aud].flat().includes(url), JSON.stringify(token));
  must('the token is of the issuer', token.iss === expectedIssuer, token.iss);
  console.log(JSON.stringify({ ...used, sub: token.sub, client: token.client_id, iss: token.iss }));
} catch (err) {
  console.log(JSON.stringify({ error: err.stack }));
  process.exitCode = 1;
}
