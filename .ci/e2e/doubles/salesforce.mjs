// npm: jsforce@3.10.16
// An unmodified client of Salesforce against the double: the ways to a token, reads of
// more than one batch, describe, writes, an upsert, a refused session.
import assert from 'node:assert/strict';
import jsforce from 'jsforce';

const d = JSON.parse(process.env.DOUBLES).salesforce;
const ok = (what) => console.log('ok: ' + what);
const refused = async (promise, code) => {
  try {
    await promise;
  } catch (e) {
    assert.equal(e.errorCode ?? e.name, code, e.message);
    return e;
  }
  assert.fail('it was not refused: ' + code);
};

const conn = new jsforce.Connection({ instanceUrl: d.base_url, accessToken: d.secret, version: '66.0' });
const me = await conn.identity();
assert.equal(me.username, 'supportbot@northwind.example');
ok('identity');

const found = await conn.query("SELECT Id, CaseNumber, Contact.Name FROM Case WHERE Account.Name = 'Acme' AND IsClosed = false ORDER BY CreatedDate DESC");
assert.equal(found.totalSize, 1);
assert.equal(found.records[0].Contact.Name, 'Dana Whitfield');
ok('query with a parent');

const lead = await conn.sobject('Lead').describe();
assert.ok(lead.fields.some((f) => f.name === 'LeadSource' && f.picklistValues.some((p) => p.value === 'Web')));
assert.ok((await conn.describeGlobal()).sobjects.some((s) => s.name === 'Subscription__c' && s.custom));
ok('describe');

const made = await conn.sobject('Lead').create(Array.from({ length: 200 }, (_, i) => ({ LastName: 'Batch ' + i, Company: 'Jsforce' })));
assert.equal(made.filter((r) => r.success).length, 200);
const more = await conn.sobject('Lead').create(Array.from({ length: 100 }, (_, i) => ({ LastName: 'More ' + i, Company: 'Jsforce' })));
assert.ok(more.every((r) => r.success));
let page = await conn.query("SELECT Id FROM Lead WHERE Company = 'Jsforce'", { headers: { 'Sforce-Query-Options': 'batchSize=200' } });
assert.deepEqual([page.totalSize, page.done, page.records.length], [300, false, 200]);
page = await conn.queryMore(page.nextRecordsUrl);
assert.deepEqual([page.done, page.records.length], [true, 100]);
ok('collections, and a query of two batches');

const one = await conn.sobject('Case').create({ Subject: 'From jsforce', Priority: 'Low' });
assert.ok(one.success && one.id.length === 18);
await conn.sobject('Case').update({ Id: one.id, Status: 'Closed' });
const read = await conn.sobject('Case').retrieve(one.id);
assert.deepEqual([read.Status, read.IsClosed], ['Closed', true]);
await conn.sobject('Case').destroy(one.id);
await refused(conn.sobject('Case').retrieve(one.id), 'NOT_FOUND');
ok('create, update, retrieve, delete');

const up = await conn.sobject('Subscription__c').upsert({ External_Id__c: 'SUB-JS', Name: 'Jsforce', Seats__c: 2 }, 'External_Id__c');
const again = await conn.sobject('Subscription__c').upsert({ External_Id__c: 'SUB-JS', Seats__c: 3 }, 'External_Id__c');
assert.deepEqual([up.created, again.created, again.id], [true, false, up.id]);
ok('upsert by an external id');

await refused(conn.query('SELECT Nope FROM Case'), 'INVALID_FIELD');
await refused(conn.query('SELECT Id FROM Case WHERE'), 'MALFORMED_QUERY');
await refused(conn.sobject('Contact').create({ FirstName: 'x' }), 'REQUIRED_FIELD_MISSING');
await refused(conn.sobject('Contact').create({ LastName: 'W', Email: 'dana.whitfield@acme.example' }), 'DUPLICATES_DETECTED');
ok('errors in the shape that the client knows');

await refused(new jsforce.Connection({ instanceUrl: d.base_url, accessToken: 'nobody' }).query('SELECT Id FROM Case'), 'INVALID_SESSION_ID');
ok('a refused session');

const app = new jsforce.Connection({ oauth2: { loginUrl: d.base_url, clientId: d.client_id, clientSecret: d.client_secret } });
await app.authorize({ grant_type: 'client_credentials' });
assert.equal(app.instanceUrl, d.base_url);
assert.equal((await app.query('SELECT COUNT() FROM User')).totalSize, 4);
ok('client credentials');

const rotating = new jsforce.Connection({ oauth2: { loginUrl: d.base_url, clientId: d.client_id, clientSecret: d.client_secret }, instanceUrl: d.base_url, accessToken: 'ended', refreshToken: d.refresh });
let fresh = 0;
rotating.on('refresh', () => fresh++);
assert.equal((await rotating.query('SELECT COUNT() FROM User')).totalSize, 4);
assert.equal(fresh, 1);
await refused(rotating.oauth2.refreshToken(d.refresh), 'invalid_grant');
ok('an ended session is renewed, and the spent refresh token is dead');
