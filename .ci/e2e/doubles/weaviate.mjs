// npm: weaviate-ts-client@2.2.0
// The official client of REST and GraphQL against our double of Weaviate. The same file
// runs against a real server that DOUBLES names: it makes what it needs.
import assert from 'node:assert/strict';
import weaviate from 'weaviate-ts-client';

const d = JSON.parse(process.env.DOUBLES).weaviate;
const { host, protocol } = new URL(d.base_url ?? d.url);
const client = (key) => weaviate.client({ scheme: protocol.replace(':', ''), host, apiKey: new weaviate.ApiKey(key) });
const db = client(d.secret);
const ok = (what) => console.log(`ok: ${what}`);

const meta = await db.misc.metaGetter().do();
assert.match(meta.version, /^1\.39\./);
ok(`the server is ${meta.version}`);

await db.schema.classCreator().withClass({
  class: 'ClientArticle', vectorizer: 'text2vec-bigram', multiTenancyConfig: { enabled: false },
  properties: [{ name: 'title', dataType: ['text'] }, { name: 'product', dataType: ['text'], tokenization: 'field' }, { name: 'views', dataType: ['int'] }],
}).do();
const made = await db.schema.classGetter().withClassName('ClientArticle').do();
assert.deepEqual(made.properties.map((p) => p.name), ['title', 'product', 'views']);
assert.equal(await db.schema.exists('NoSuchClass'), false);
ok('a class is made and read back');

const ids = ['c11e0000-0000-4000-8000-000000000001', 'c11e0000-0000-4000-8000-000000000002', 'c11e0000-0000-4000-8000-000000000003'];
const one = await db.data.creator().withClassName('ClientArticle').withId(ids[0]).withProperties({ title: 'Export to CSV times out', product: 'Reports', views: 12 }).do();
assert.equal(one.id, ids[0]);
const batch = await db.batch.objectsBatcher().withObjects(
  { class: 'ClientArticle', id: ids[1], properties: { title: 'Invoice shows the wrong VAT', product: 'Billing', views: 5 } },
  { class: 'ClientArticle', id: ids[2], properties: { title: 'Schedule an export', product: 'Reports', views: 'many' } },
).do();
assert.deepEqual(batch.map((r) => r.result.status), ['SUCCESS', 'FAILED']);
await db.data.merger().withClassName('ClientArticle').withId(ids[1]).withProperties({ views: 7 }).do();
ok('an object, a batch of which one fails, a change');

const got = await db.data.getterById().withClassName('ClientArticle').withId(ids[1]).do();
assert.deepEqual(got.properties, { title: 'Invoice shows the wrong VAT', product: 'Billing', views: 7 });
await assert.rejects(db.data.getterById().withClassName('ClientArticle').withId(ids[2]).do(), /404|empty/i);
ok('get by id');

const fields = 'title _additional { id score distance }';
const titles = (r) => r.data.Get.ClientArticle.map((o) => o.title);
const get = () => db.graphql.get().withClassName('ClientArticle').withFields(fields).withLimit(2);
assert.deepEqual(titles(await get().withBm25({ query: 'csv', properties: ['title^2'] }).do()), ['Export to CSV times out']);
const both = await get().withHybrid({ query: 'wrong VAT on an invoice', alpha: 0.5 }).do();
assert.equal(titles(both)[0], 'Invoice shows the wrong VAT');
assert.ok(Number(both.data.Get.ClientArticle[0]._additional.score) > 0);
const where = { operator: 'And', operands: [{ path: ['views'], operator: 'GreaterThan', valueInt: 6 }, { path: ['product'], operator: 'Equal', valueText: 'Reports' }] };
assert.deepEqual(titles(await get().withWhere(where).do()), ['Export to CSV times out']);
const near = await get().withNearObject({ id: ids[0] }).do();
assert.equal(near.data.Get.ClientArticle[0]._additional.id, ids[0]);
ok('bm25, hybrid, a filter, near an object');

const figures = await db.graphql.aggregate().withClassName('ClientArticle').withGroupBy(['product']).withFields('meta { count } groupedBy { value } views { sum }').do();
const groups = Object.fromEntries(figures.data.Aggregate.ClientArticle.map((g) => [g.groupedBy.value, [g.meta.count, g.views.sum]]));
assert.deepEqual(groups, { Reports: [1, 12], Billing: [1, 7] });
const wrong = await db.graphql.get().withClassName('ClientArticle').withFields('titel').do().catch((e) => e);
assert.match(JSON.stringify(wrong.errors ?? wrong.message), /Cannot query field/);
ok('figures by group, and what is wrong with a query');

const gone = await db.batch.objectsBatchDeleter().withClassName('ClientArticle').withWhere({ path: ['product'], operator: 'Equal', valueText: 'Billing' }).withDryRun(true).withOutput('verbose').do();
assert.equal(gone.results.matches, 1);
assert.equal(gone.results.objects[0].status, 'DRYRUN');
await db.schema.classDeleter().withClassName('ClientArticle').do();
ok('a delete for show, and the class is gone');

await assert.rejects(client('not-the-key').schema.getter().do(), /401/);
ok('another key is refused');
