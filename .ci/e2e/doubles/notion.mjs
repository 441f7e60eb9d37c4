// npm: @notionhq/client@5.26.0
// The official client against our double of Notion. It does not know markdown_version
// yet (5.29 does), so that is sent by its request method; without it the older form of
// Markdown is what it reads and writes.
import assert from 'node:assert/strict';
import { APIErrorCode, Client, isNotionClientError } from '@notionhq/client';

const d = JSON.parse(process.env.DOUBLES).notion;
const client = (auth) => new Client({ auth, baseUrl: d.url, notionVersion: '2026-03-11', retry: false, logLevel: 'error' });
const notion = client(d.secret);
const ok = (what) => console.log(`ok: ${what}`);

const me = await notion.users.me({});
assert.equal(me.type, 'bot');
assert.equal(me.bot.workspace_name, 'Northwind Support');
ok(`who it is: ${me.name}`);

const found = await notion.search({ query: 'CSV exports', filter: { property: 'object', value: 'page' } });
assert.equal(found.results.length, 1);
const runbook = found.results[0].id;
ok(`a search by title finds ${runbook}`);

const old = await notion.pages.retrieveMarkdown({ page_id: runbook });
assert.equal(old.object, 'page_markdown');
assert.match(old.markdown, /^# What happens\nExports of more than 50,000 rows/);
const now = await notion.request({ path: `pages/${runbook}/markdown`, method: 'get', query: { markdown_version: 'v2' } });
assert.match(now.markdown, /^# What happens\n\nExports of more than 50,000 rows/);
assert.equal(now.unknown_block_ids.length, 1);
ok('a page as Markdown, in both forms');

const blocks = [];
for (let cursor; ;) {
  const page = await notion.blocks.children.list({ block_id: runbook, page_size: 4, start_cursor: cursor });
  blocks.push(...page.results);
  if (!page.has_more) break;
  cursor = page.next_cursor;
}
assert.deepEqual([...new Set(blocks.map((b) => b.type))], ['heading_1', 'paragraph', 'heading_2', 'to_do', 'code', 'table', 'quote', 'toggle', 'bookmark']);
ok(`its ${blocks.length} blocks, four at a time`);

const [source] = (await notion.search({ query: 'Customers', filter: { property: 'object', value: 'data_source' } })).results;
const schema = await notion.dataSources.retrieve({ data_source_id: source.id });
const database = await notion.databases.retrieve({ database_id: schema.parent.database_id });
assert.deepEqual(database.data_sources, [{ id: source.id, name: 'Customers' }]);
const risky = await notion.dataSources.query({
  data_source_id: source.id,
  filter: { and: [{ property: 'Status', status: { equals: 'At risk' } }, { property: 'MRR', number: { greater_than: 1000 } }] },
  sorts: [{ property: 'Renewal', direction: 'ascending' }],
});
assert.deepEqual(risky.results.map((r) => r.properties.Name.title[0].plain_text), ['Acme']);
ok('a query of a data source, by two filters');

const page = await notion.pages.create({
  parent: { type: 'data_source_id', data_source_id: source.id },
  properties: { Name: { title: [{ text: { content: 'Kestrel Ltd' } }] }, Plan: { select: { name: 'Team' } }, Renewal: { date: { start: '2027-03-01' } } },
  markdown: '# Notes\nNone yet.',
});
const updated = await notion.pages.update({ page_id: page.id, properties: { Status: { status: { name: 'Healthy' } } }, is_locked: false });
assert.equal(updated.properties.Status.status.name, 'Healthy');
const edited = await notion.pages.updateMarkdown({
  page_id: page.id, type: 'update_content', update_content: { content_updates: [{ old_str: 'None yet.', new_str: 'Wants a call.' }] },
});
assert.equal(edited.markdown, '# Notes\nWants a call.');
const comment = await notion.comments.create({ parent: { page_id: page.id }, rich_text: [{ text: { content: 'Done.' } }] });
assert.equal((await notion.comments.list({ block_id: page.id })).results[0].id, comment.id);
ok('a row: made, changed, its text edited, a comment');

const trashed = await notion.pages.update({ page_id: page.id, in_trash: true });
assert.equal(trashed.in_trash, true);
ok('the row in the trash');

const refused = async (what, call, code) => {
  const error = await call().then(() => undefined, (e) => e);
  assert.ok(isNotionClientError(error), `${what}: ${error}`);
  assert.equal(error.code, code);
  ok(`${what}: ${code}`);
};
await refused('a token that is none', () => client('ntn_none').users.me({}), APIErrorCode.Unauthorized);
await refused('a page that is not there', () => notion.pages.retrieve({ page_id: '00000000-0000-4000-8000-000000000000' }), APIErrorCode.ObjectNotFound);
await refused('an option that is none', () => notion.pages.update({ page_id: risky.results[0].id, properties: { Status: { status: { name: 'Gone' } } } }), APIErrorCode.ValidationError);

const held = d.credentials[0];
const app = { client_id: d.client_id, client_secret: d.client_secret };
const pair = await notion.oauth.token({ ...app, grant_type: 'refresh_token', refresh_token: held.refresh });
assert.notEqual(pair.refresh_token, held.refresh);
assert.equal((await client(pair.access_token).users.me({})).id, me.id);
const again = await notion.oauth.token({ ...app, grant_type: 'refresh_token', refresh_token: held.refresh }).then(() => undefined, (e) => e);
assert.equal(again?.status, 400);
await notion.oauth.revoke({ ...app, token: pair.access_token });
await refused('a token that was taken back', () => client(pair.access_token).users.me({}), APIErrorCode.Unauthorized);
ok('OAuth: a refresh replaces both tokens, and the old one is dead');
