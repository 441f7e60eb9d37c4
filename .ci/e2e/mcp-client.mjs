// A client on the official TypeScript SDK. It lists the tools, calls one if it is
// told which, and prints what it got as one JSON object on stdout:
// {"server": …, "tools": [names], "result": …}, or {"error": …} and exit code 1.
//
//   URL=http://127.0.0.1:8765/mcp TOKEN=… node mcp-client.mjs [TOOL [ARGUMENTS]]
//   node mcp-client.mjs [TOOL [ARGUMENTS]] -- COMMAND [ARG…]
//
// ARGUMENTS is a JSON object. It is resolved with @modelcontextprotocol/sdk
// installed in a node_modules beside it, or above it.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

function transport(command) {
  if (command.length > 0) {
    return new StdioClientTransport({ command: command[0], args: command.slice(1), env: process.env, stderr: 'inherit' });
  }
  if (!process.env.URL) {
    throw new Error('set URL, or give a command after --');
  }
  const headers = process.env.TOKEN ? { Authorization: `Bearer ${process.env.TOKEN}` } : {};
  return new StreamableHTTPClientTransport(new URL(process.env.URL), { requestInit: { headers } });
}

async function run(argv) {
  const cut = argv.indexOf('--');
  const [tool, args] = cut < 0 ? argv : argv.slice(0, cut);
  const client = new Client({ name: 'toolvault-e2e', version: '1.0.0' });
  await client.connect(transport(cut < 0 ? [] : argv.slice(cut + 1)));
  try {
    const { tools } = await client.listTools();
    const out = { server: client.getServerVersion(), tools: tools.map((t) => t.name) };
    if (tool) {
      out.result = await client.callTool({ name: tool, arguments: args ? JSON.parse(args) : {} });
    }
    return out;
  } finally {
    await client.close();
  }
}

try {
  console.log(JSON.stringify(await run(process.argv.slice(2))));
} catch (err) {
  console.log(JSON.stringify({ error: err.message, code: err.code }));
  process.exitCode = 1;
}
