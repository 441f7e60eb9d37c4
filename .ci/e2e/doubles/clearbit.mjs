// npm: clearbit@1.3.5
// npm pkg: overrides.needle=2.9.1
// (The client names an HTTP library that is in no registry; the one that it was made
// from stands in for it. Its hosts are fixed, so that requests are sent on to the double,
// each host below a path of its name.)
import http from "node:http";
import https from "node:https";
import { createRequire } from "node:module";

const { url, secret } = JSON.parse(process.env.DOUBLES).clearbit;
const at = new URL(url);
https.request = (options, done) => {
  const [name, domain] = options.host.split(/\.(.*)/);
  if (domain !== "clearbit.com") throw new Error(`a request to ${options.host}`);
  const path = (name === "person" ? "" : "/" + name) + options.path;
  return http.request({ ...options, protocol: "http:", host: at.hostname, hostname: at.hostname, port: at.port, path, agent: undefined }, done);
};

const { Client } = createRequire(import.meta.url)("clearbit");
const check = (ok, what, got) => {
  if (ok) return console.log(`ok: ${what}`);
  console.error(`different: ${what}: ${JSON.stringify(got)}`);
  process.exit(1);
};
const failure = (promise) => promise.then((got) => ({ got }), (e) => e);

const client = new Client({ key: secret });
const person = await client.Person.find({ email: "dana.whitfield@acme.example" });
check(person.name.fullName === "Dana Whitfield" && person.employment.domain === "acme.example", "a person is found by e-mail", person);
const company = await client.Company.find({ domain: "acme.example" });
check(company.name === "Acme" && company.metrics.employees === 240, "a company is found by domain", company);
const both = await client.Enrichment.find({ email: "ingrid.solberg@borealis.example" });
check(both.person?.name.familyName === "Solberg" && both.company?.name === "Borealis Foods", "both at once", both);
const named = await client.NameToDomain.find({ name: "Acme" });
check(named.domain === "acme.example", "a domain is found by name", named);
const visitor = await client.Reveal.find({ ip: "203.0.113.7" });
check(visitor.company?.name === "Acme", "an address leads to its company", visitor);

const queued = await failure(client.Company.find({ domain: "kestrel.example" }));
check(queued.statusCode === 202, "what has to be looked up first is accepted, and no answer", queued); // without a body, as the host was seen to answer
const streamed = await client.Company.find({ domain: "kestrel.example", stream: true });
check(streamed.name === "Kestrel Labs", "the streaming host waits for it", streamed);
const nobody = await failure(client.Person.find({ email: "nobody@nowhere.example" }));
check(nobody instanceof client.Person.NotFoundError, "nobody is not found", nobody);
const refused = await failure(new Client({ key: "sk_wrong" }).Company.find({ domain: "acme.example" }));
check(refused.statusCode === 401, "a wrong key is refused", refused);
