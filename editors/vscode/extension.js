// extension.js -- starts `anec --lsp` for the editor.
const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

async function start() {
  const settings = vscode.workspace.getConfiguration("anedsl");
  const target = settings.get("target");
  const args = ["--lsp", ...(target ? ["--target", target] : [])];
  const server = { command: settings.get("anec"), args };
  client = new LanguageClient("anedsl", "anedsl", server, {
    documentSelector: [{ language: "anedsl" }],
  });
  await client.start();
}

async function activate(context) {
  await start();
  const changed = async (event) => {
    if (!event.affectsConfiguration("anedsl")) return;
    await client.stop();
    await start();
  };
  context.subscriptions.push(vscode.workspace.onDidChangeConfiguration(changed));
}

async function deactivate() {
  if (client) await client.stop();
}

module.exports = { activate, deactivate };
