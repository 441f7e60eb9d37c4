// Passkeys: asks the server for a challenge, has the browser answer it, and sends
// the answer. All words and addresses come from the page (data-…).
"use strict";

(() => {
  const bytes = (text) => {
    const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, (c) => c.charCodeAt(0));
  };

  const text = (buffer) => {
    let plain = "";
    for (const b of new Uint8Array(buffer)) plain += String.fromCharCode(b);
    return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  };

  const listed = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));

  // post sends a form and returns what the server says; a fault is thrown as text.
  const post = async (box, url, fields) => {
    const body = new URLSearchParams({ csrf: box.dataset.token, ...fields });
    let reply;
    try {
      const answer = await fetch(url, { method: "POST", body, credentials: "same-origin", redirect: "error" });
      reply = await answer.json();
    } catch {
      throw box.dataset.failed;
    }
    if (reply.fault) throw reply.fault;
    return reply;
  };

  const invitation = () => location.hash.slice(1);

  const common = (box) => {
    const fields = {};
    if (box.dataset.return) fields.return = box.dataset.return;
    if (box.dataset.look) fields.invite = invitation();
    return fields;
  };

  const signIn = async (box) => {
    const { options } = await post(box, box.dataset.begin, {});
    const key = options.publicKey;
    key.challenge = bytes(key.challenge);
    key.allowCredentials = listed(key.allowCredentials);
    const found = await navigator.credentials.get({ publicKey: key });
    const a = found.response;
    const response = JSON.stringify({
      id: found.id, rawId: text(found.rawId), type: found.type,
      authenticatorAttachment: found.authenticatorAttachment || undefined, clientExtensionResults: {},
      response: {
        clientDataJSON: text(a.clientDataJSON), authenticatorData: text(a.authenticatorData),
        signature: text(a.signature), userHandle: a.userHandle ? text(a.userHandle) : undefined,
      },
    });
    return post(box, box.dataset.end, { ...common(box), response });
  };

  const add = async (box) => {
    const { options } = await post(box, box.dataset.begin, common(box));
    const key = options.publicKey;
    key.challenge = bytes(key.challenge);
    key.user.id = bytes(key.user.id);
    key.excludeCredentials = listed(key.excludeCredentials);
    const made = await navigator.credentials.create({ publicKey: key });
    const a = made.response;
    const response = JSON.stringify({
      id: made.id, rawId: text(made.rawId), type: made.type,
      authenticatorAttachment: made.authenticatorAttachment || undefined, clientExtensionResults: {},
      response: {
        clientDataJSON: text(a.clientDataJSON), attestationObject: text(a.attestationObject),
        transports: a.getTransports ? a.getTransports() : undefined,
      },
    });
    const label = box.querySelector("input[name=label]");
    return post(box, box.dataset.end, { ...common(box), label: label ? label.value : "", response });
  };

  const start = async (box) => {
    const fault = box.querySelector("[role=alert]");
    const show = (what) => {
      fault.textContent = what;
      fault.hidden = !what;
    };
    box.hidden = false;
    if (!window.PublicKeyCredential || !navigator.credentials) {
      for (const e of box.querySelectorAll("form")) e.hidden = true;
      show(box.dataset.unable);
      return;
    }
    if (box.dataset.look) {
      try {
        const { name } = await post(box, box.dataset.look, { invite: invitation() });
        box.querySelector("[data-name]").textContent = name;
        box.querySelector("form").hidden = false;
      } catch (e) {
        show(e);
        return;
      }
    }
    const form = box.querySelector("form");
    let busy = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (busy) return;
      busy = true;
      show("");
      try {
        const { next } = await (box.dataset.what === "add" ? add : signIn)(box);
        location.assign(next);
      } catch (e) {
        show(typeof e === "string" ? e : e.name === "InvalidStateError" ? box.dataset.twice : box.dataset.cancelled);
        busy = false;
      }
    });
  };

  for (const box of document.querySelectorAll("[data-what]")) start(box);
})();
