// npm: @segment/analytics-node@3.1.0 @segment/public-api-sdk-typescript@47.0.0-b8398
import { Analytics } from "@segment/analytics-node";
import papi from "@segment/public-api-sdk-typescript";

const { url, credentials } = JSON.parse(process.env.DOUBLES).segment;
const of = (type) => credentials.find((c) => c.type === type);
const fail = (what, got) => {
  console.error(`different: ${what}: ${JSON.stringify(got)}`);
  process.exit(1);
};
process.on("uncaughtException", (e) => fail(e.message, e.body ?? e.stack));
const check = (ok, what, got) => (ok ? console.log(`ok: ${what}`) : fail(what, got));

// A part of a profile, as a reader of the Profile API asks for it.
async function profile(id, part) {
  const { secret, params } = of("profile_token");
  const at = `${url}/profiles/v1/spaces/${params.space}/collections/users/profiles/${id.replace(/:.*/, (v) => ":" + encodeURIComponent(v.slice(1)))}/${part}`;
  const r = await fetch(at, { headers: { Authorization: "Basic " + Buffer.from(secret + ":").toString("base64") } });
  return { status: r.status, ...(await r.json()) };
}

// send has the vendor's client send events with a write key, and returns its errors.
async function send(writeKey, events) {
  const client = new Analytics({ writeKey, host: url, maxRetries: 0, flushAt: 2 });
  const errors = [];
  client.on("error", (e) => errors.push(e));
  for (const [kind, event] of events) client[kind](event);
  await client.flush();
  return errors;
}

const writeKey = of("write_key").secret;
let errors = await send(writeKey, [
  ["identify", { userId: "usr_9001", traits: { email: "Kim.Novak@acme.example", plan: "trial" } }],
  ["group", { userId: "usr_9001", groupId: "acme", traits: { seats: 122 } }],
  ["track", { userId: "usr_9001", event: "CSV Export Failed", properties: { rows: 70001 }, messageId: "kim-export-1" }],
  ["track", { userId: "usr_9001", event: "CSV Export Failed", properties: { rows: 70001 }, messageId: "kim-export-1" }],
  ["page", { userId: "usr_9001", name: "Export settings" }],
]);
check(errors.length === 0, "identify, group, track and page of analytics-node are accepted", errors);

const traits = await profile("email:kim.novak@acme.example", "traits");
check(traits.traits?.plan === "trial", "the traits arrive in the profile", traits);
const events = await profile("user_id:usr_9001", "events");
check(events.data?.length === 1 && events.data[0].properties.rows === 70001, "an event that was sent twice under one messageId is there once", events);
const links = await profile("user_id:usr_9001", "links");
check(links.data?.[0]?.external_ids?.[0]?.id === "acme", "the person is linked to the company", links);

errors = await send("nobody", [["track", { userId: "usr_9001", event: "Lost" }]]);
const after = await profile("user_id:usr_9001", "events");
check(errors.length === 0 && after.data.length === 1, "with a wrong write key the client hears of no error, and nothing arrives", errors);

// The vendor's client of the Public API.
const token = of("service_token").secret;
const api = (Kind, accessToken) => Object.assign(new Kind(url + "/public"), { accessToken });
const sources = (await api(papi.SourcesApi, token).listSources({ count: 2 })).body.data;
check(sources.sources.length === 2 && sources.pagination.totalEntries === 3 && sources.pagination.next, "sources come in pages", sources.pagination);
const rest = (await api(papi.SourcesApi, token).listSources({ count: 2, cursor: sources.pagination.next })).body.data;
check(rest.sources.length === 1 && rest.sources[0].slug === "billing", "the next page goes on", rest);
const destinations = api(papi.DestinationsApi, token);
const { id } = (await destinations.listDestinations({ count: 10 })).body.data.destinations.find((d) => d.name === "HubSpot");
const off = (await destinations.updateDestination(id, { enabled: false })).body.data.destination;
check(off.enabled === false, "a destination is switched off", off);
const volume = (await api(papi.EventsApi, token).getEventsVolumeFromWorkspace("DAY", "2026-11-20T00:00:00Z", "2026-11-23T00:00:00Z", ["eventName"])).body.data;
check(volume.result.length === 5 && volume.result[0].series.length === 3, "event volumes come by name and day", volume.result.length);
const refused = await api(papi.WorkspacesApi, writeKey).getWorkspace().catch((e) => e.statusCode);
check(refused === 401, "a write key opens no workspace", refused);
