// The official TypeScript clients, of both generations, list, read, complete, get prompts and subscribe.
//
//     node typescript_client.mjs BINARY TRACKIO_DIR PACKAGES
//
// PACKAGES is the directory with node_modules, where @modelcontextprotocol/sdk and
// @modelcontextprotocol/client are installed. The database of one project is written to.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { DatabaseSync } from "node:sqlite";

const [binary, directory, packages] = process.argv.slice(2);
const installed = createRequire(join(packages, "package.json"));
const load = (name) => import(pathToFileURL(installed.resolve(name)));

const RUN = "trackio://demo-main/baseline";
const TABLE = `${RUN}/metrics/train%2Floss.csv`;
const who = { name: "interop", version: "1" };
const server = { command: binary, args: ["--dir", directory] };

/** Log one row, as Trackio stores it. */
function log() {
  const database = new DatabaseSync(join(directory, "demo-main.db"));
  const copied = "SELECT run_id, timestamp, run_name, step + 1, metrics FROM metrics WHERE run_name = 'baseline'";
  database.exec(`INSERT INTO metrics(run_id, timestamp, run_name, step, metrics) ${copied} ORDER BY id DESC LIMIT 1`);
  database.close();
}

/** All pages of a list. */
async function all(list, member) {
  const found = [];
  let cursor;
  do {
    const page = await list(cursor ? { cursor } : {});
    found.push(...page[member]);
    cursor = page.nextCursor;
  } while (cursor);
  return found;
}

/** What any client does; answers what it saw. */
async function use(client, label) {
  const { tools } = await client.listTools();
  assert(tools.length >= 20, `${label}: ${tools.length} tools`);
  const cut = await client.callTool({
    name: "get_metric_values",
    arguments: { project: "demo-main", run: "baseline", metric: "train/loss", max_points: 5 },
  });
  const link = cut.content.find((block) => block.type === "resource_link");
  assert.equal(link?.uri, TABLE, label);

  const prompts = await all((page) => client.listPrompts(page), "prompts");
  assert.equal(prompts.length, 7, label);
  const plan = await client.getPrompt({ name: "check_training", arguments: { project: "demo-main" } });
  assert.match(plan.messages[0].content.text, /diagnose_run/, label);

  const resources = await all((page) => client.listResources(page), "resources");
  assert(resources.some((resource) => resource.uri === RUN), `${label}: ${RUN} is not listed`);
  for (const resource of resources.filter(({ uri }) => uri.startsWith("trackio://demo"))) {
    const { contents } = await client.readResource({ uri: resource.uri });
    assert(contents[0].text.length > 0, `${label}: ${resource.uri}`);
  }
  const templates = await all((page) => client.listResourceTemplates(page), "resourceTemplates");
  assert.equal(templates.length, 5, label);
  const table = await client.readResource({ uri: link.uri });
  assert.match(table.contents[0].text, /^step,timestamp,value\n/, label);
  await assert.rejects(client.readResource({ uri: "trackio://demo-mian" }), /demo-main/, label);

  const completed = await client.complete({
    ref: { type: "ref/resource", uri: "trackio://{project}/{run}" },
    argument: { name: "run", value: "base" },
    context: { arguments: { project: "demo-main" } },
  });
  assert(completed.completion.values.includes("baseline"), label);
  return `${tools.length} tools, ${prompts.length} prompts, ${resources.length} resources`;
}

/** Waits for a notice about the run after a row was logged. */
async function told(notices, label) {
  log();
  const started = Date.now();
  while (!notices.includes(RUN)) {
    assert(Date.now() - started < 10_000, `${label}: nobody was told`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return `told after ${Date.now() - started} ms`;
}

async function first() {
  const { Client } = await load("@modelcontextprotocol/sdk/client/index.js");
  const { StdioClientTransport } = await load("@modelcontextprotocol/sdk/client/stdio.js");
  const { ResourceUpdatedNotificationSchema } = await load("@modelcontextprotocol/sdk/types.js");
  const client = new Client(who);
  const notices = [];
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, (notice) => void notices.push(notice.params.uri));
  await client.connect(new StdioClientTransport(server));
  const seen = await use(client, "sdk");
  await client.subscribeResource({ uri: RUN });
  const when = await told(notices, "sdk");
  await client.close();
  console.log(`  sdk: ${seen}, ${when}`);
}

async function second(mode) {
  const { Client } = await load("@modelcontextprotocol/client");
  const { StdioClientTransport } = await load("@modelcontextprotocol/client/stdio");
  const client = new Client(who, { versionNegotiation: { mode } });
  const notices = [];
  client.setNotificationHandler("notifications/resources/updated", (notice) => void notices.push(notice.params.uri));
  await client.connect(new StdioClientTransport(server));
  const version = client.getNegotiatedProtocolVersion();
  const seen = await use(client, version);
  if (version >= "2026") {
    const subscription = await client.listen({ resourceSubscriptions: [RUN] });
    assert.deepEqual(subscription.honoredFilter.resourceSubscriptions, [RUN]);
  } else {
    await client.subscribeResource({ uri: RUN });
  }
  const when = await told(notices, version);
  await client.close();
  console.log(`  client, ${version}: ${seen}, ${when}`);
}

await first();
await second("legacy");
await second("auto");
