// npm: @googleapis/calendar@16.0.0
// Google's own client against our double of Google Calendar, with tokens that it gets for
// itself by a refresh token.
import assert from 'node:assert/strict';
import { auth, calendar } from '@googleapis/calendar';

const d = JSON.parse(process.env.DOUBLES).google_calendar;
const ok = (what) => console.log(`ok: ${what}`);
const client = (credentials) => {
  const oauth = new auth.OAuth2({
    clientId: d.client_id,
    clientSecret: d.client_secret,
    endpoints: { oauth2TokenUrl: `${d.url}/token`, oauth2RevokeUrl: `${d.url}/revoke` },
  });
  oauth.setCredentials(credentials);
  return calendar({ version: 'v3', rootUrl: `${d.url}/`, auth: oauth, retry: false });
};
const google = client({ refresh_token: d.refresh });
const fails = async (what, status, reason) => {
  const e = await what.then(() => assert.fail('it worked'), (e) => e);
  assert.equal(e.response?.status, status, e.message);
  if (reason) assert.equal(e.response.data.error.errors[0].reason, reason);
};

const { data: list } = await google.calendarList.list({ minAccessRole: 'reader' });
const own = list.items.find((c) => c.primary);
assert.equal(own.timeZone, 'Europe/Berlin');
const holidays = list.items.find((c) => c.id.includes('#holiday@'));
assert.equal((await google.events.list({ calendarId: holidays.id })).data.items.length, 2);
ok(`${list.items.length} calendars, one of them with a # in its id, by a token that was refreshed`);

const window = { timeMin: '2026-11-23T00:00:00+01:00', timeMax: '2026-12-05T00:00:00+01:00' };
const seen = [];
for (let pageToken; ;) {
  const { data } = await google.events.list({ calendarId: 'primary', singleEvents: true, orderBy: 'startTime', maxResults: 3, pageToken, ...window });
  seen.push(...data.items);
  if (!(pageToken = data.nextPageToken)) break;
}
const standups = seen.filter((e) => e.recurringEventId === 'standup0team');
assert.deepEqual(standups.map((e) => e.start.dateTime), ['2026-11-23T09:00:00+01:00', '2026-11-26T10:00:00+01:00', '2026-12-03T09:00:00+01:00']);
assert.deepEqual(seen.map((e) => e.start.dateTime ?? e.start.date), seen.map((e) => e.start.dateTime ?? e.start.date).toSorted());
ok(`${seen.length} events, three at a time: one date of the series differs, one was called off`);

const id = `e2e${Date.now()}`;
const requestBody = {
  id,
  summary: 'Walk-through',
  start: { dateTime: '2026-11-26T11:00:00', timeZone: 'Europe/Berlin' },
  end: { dateTime: '2026-11-26T11:45:00', timeZone: 'Europe/Berlin' },
  attendees: [{ email: 'dana.whitfield@acme.example' }],
  conferenceData: { createRequest: { requestId: id, conferenceSolutionKey: { type: 'hangoutsMeet' } } },
};
const insert = { calendarId: 'primary', sendUpdates: 'none', conferenceDataVersion: 1, requestBody };
const { data: made } = await google.events.insert(insert);
assert.equal(made.id, id);
assert.equal(made.conferenceData.createRequest.status.statusCode, 'pending');
await fails(google.events.insert(insert), 409, 'duplicate');
ok('an event under an id of ours is made once');

const { data: read } = await google.events.get({ calendarId: 'primary', eventId: id });
assert.match(read.hangoutLink, /^https:\/\/meet\.google\.com\//);
const patch = (etag, summary) => google.events.patch({ calendarId: 'primary', eventId: id, sendUpdates: 'none', requestBody: { summary } }, { headers: { 'If-Match': etag } });
const { data: changed } = await patch(read.etag, 'Walk-through of the fix');
assert.notEqual(changed.etag, read.etag);
assert.equal(changed.attendees.length, 1);
await fails(patch(read.etag, 'too late'), 412, 'conditionNotMet');
ok('a change with the etag that is good, and none with an old one');

const { data: busy } = await google.freebusy.query({
  requestBody: { timeMin: '2026-11-26T00:00:00Z', timeMax: '2026-11-27T00:00:00Z', items: [{ id: 'primary' }, { id: 'priya.sharma@northwind.example' }, { id: 'dana.whitfield@acme.example' }] },
});
assert.equal(busy.calendars.primary.busy.length, 3);
assert.equal(busy.calendars['priya.sharma@northwind.example'].busy.length, 0);
assert.equal(busy.calendars['dana.whitfield@acme.example'].errors[0].reason, 'notFound');
ok('free/busy of three, of one of whom nothing is known');

const { data: start } = await google.events.list({ calendarId: 'primary' });
await google.events.delete({ calendarId: 'primary', eventId: id, sendUpdates: 'none' });
await fails(google.events.delete({ calendarId: 'primary', eventId: id }), 410, 'deleted');
const { data: since } = await google.events.list({ calendarId: 'primary', syncToken: start.nextSyncToken });
assert.deepEqual(since.items.map((e) => [e.id, e.status]), [[id, 'cancelled']]);
await fails(google.events.list({ calendarId: 'primary', syncToken: 'long-ago' }), 410, 'fullSyncRequired');
ok('deleted, once; and what has changed since');

await fails(client({ access_token: 'ya29.none' }).events.list({ calendarId: 'primary' }), 401, 'authError');
await fails(google.events.insert({ ...insert, calendarId: holidays.id, requestBody: { ...requestBody, id: `${id}x` } }), 403, 'requiredAccessLevel');
ok('a token that is none, and a calendar that is only to be read, are refused');
