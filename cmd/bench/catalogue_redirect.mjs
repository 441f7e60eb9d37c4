// Loaded with "node --import" into a server that cannot be told where its service
// lives. REDIRECT is pairs FROM=TO with a space between: a request to an address
// that begins with FROM goes to TO instead. The server's own code is as it was.
const moves = (process.env.REDIRECT ?? '').split(' ').filter(Boolean).map((pair) => pair.split('='));
const original = globalThis.fetch;

function move(address) {
  const text = String(address);
  const found = moves.find(([from]) => text.startsWith(from));
  return found ? found[1] + text.slice(found[0].length) : text;
}

globalThis.fetch = (input, init) =>
  input instanceof Request ? original(new Request(move(input.url), input), init) : original(move(input), init);
