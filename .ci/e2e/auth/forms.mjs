// A person without a browser: reads the forms of toolvault's pages and sends them
// over HTTP with the cookies, as a browser would. Used where no browser is to be
// had; what only a browser does (policies, focus, cookies' attributes) it does not show.

const named = { amp: '&', lt: '<', gt: '>', quot: '"' };
const decode = (s) => s.replace(/&(?:#(\d+)|#x([0-9a-f]+)|(amp|lt|gt|quot));/gi, (_, d, x, n) =>
  n ? named[n.toLowerCase()] : String.fromCodePoint(d ? Number(d) : parseInt(x, 16)));

function attributes(tag) {
  const all = {};
  for (const [, key, value] of tag.matchAll(/([a-z-]+)(?:="([^"]*)")?/gi)) all[key.toLowerCase()] = decode(value ?? '');
  return all;
}

/** formWith is the form of a page that has a certain piece of text in it. */
function formWith(html, mark) {
  for (const [, tag, inside] of html.matchAll(/<form([^>]*)>([\s\S]*?)<\/form>/g)) {
    if (!inside.includes(mark)) continue;
    const values = [];
    let chosen = false;
    for (const [, tag] of inside.matchAll(/<input([^>]*)>/g)) {
      const a = attributes(tag);
      if (a.type === 'radio') {
        if (chosen || !('checked' in a) && inside.includes(' checked')) continue;
        chosen = true;
      } else if (a.type === 'checkbox' && !('checked' in a)) continue;
      if (a.name) values.push([a.name, a.value ?? '']);
    }
    return { action: attributes(tag).action, values };
  }
}

/** answerForms opens a client's authorization request, signs in if asked, and allows. */
export async function answerForms(start, { name, password, agent, without } = {}) {
  const cookies = new Map(); // of the server: there is one
  const home = new URL(start).host;
  async function load(url, body) {
    for (let hops = 0; hops < 10; hops++) {
      if (new URL(url).host !== home) {
        await fetch(url, { redirect: 'manual' }); // the client's callback
        return { url, html: '' };
      }
      const headers = { cookie: [...cookies].map(([k, v]) => `${k}=${v}`).join('; ') };
      if (body) Object.assign(headers, { origin: new URL(url).origin, 'sec-fetch-site': 'same-origin' });
      const r = await fetch(url, { method: body ? 'POST' : 'GET', body, headers, redirect: 'manual' });
      for (const line of r.headers.getSetCookie()) {
        const [, k, v] = /^([^=]+)=([^;]*)/.exec(line);
        if (v && !/max-age=0/i.test(line)) cookies.set(k, v);
        else cookies.delete(k);
      }
      const html = await r.text();
      // The page after Allow leads back to the client by a Refresh header.
      const [, onward] = /^0; *url=(.+)$/i.exec(r.headers.get('refresh') ?? '') ?? [];
      const next = onward ?? r.headers.get('location');
      if (!next) {
        if (r.status !== 200) throw new Error(`${url}: ${r.status}\n${html.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ').slice(0, 500)}`);
        return { url, html };
      }
      url = new URL(next, url).href;
      body = undefined;
    }
    throw new Error('redirects without an end');
  }
  async function send(page, form, answers) {
    const values = form.values.filter(([k]) => !(k in answers)).concat(Object.entries(answers).filter(([, v]) => v !== undefined));
    return load(new URL(form.action, page.url).href, new URLSearchParams(values));
  }
  let page = await load(start);
  const signIn = formWith(page.html, 'id="password"');
  if (signIn) page = await send(page, signIn, { name, password });
  const consent = formWith(page.html, 'value="allow"');
  if (!consent) throw new Error(`${page.url} asks nothing:\n${page.html.slice(0, 2000)}`);
  consent.values = consent.values.filter(([k, v]) => k !== 'part' || v !== without);
  const shown = decode(page.html.replace(/<[^>]*>/g, ' '));
  page = await send(page, consent, { decision: 'allow', ...(agent ? { agent } : {}) });
  return { url: page.url, shown };
}
