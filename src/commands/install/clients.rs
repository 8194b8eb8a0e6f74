//! The clients: where each keeps its servers, in what form, and who says so.
//!
//! Everything that is said or done about a client comes from this table: what `install` edits,
//! what `config` prints, what `doctor` looks at, docs/clients.md and the pages under docs/clients.

use super::client::{Client, Files, Leniency, Own, Stale, USUAL};
use super::entry::Shape;
use super::format::Format;
use super::link::Link;

/// Any client that is not in the table: most read this form.
pub const OTHER: Client = Client {
    id: "other",
    name: "Any other client",
    note: "Most clients that start servers read this form; look in the client's documentation \
           for the file.",
    source: "https://modelcontextprotocol.io/docs/develop/connect-local-servers",
    ..USUAL
};

const CODE_SETTINGS: Files = Files {
    linux: &["$XDG_CONFIG_HOME/Code/User/settings.json", "~/.config/Code/User/settings.json"],
    mac: &["~/Library/Application Support/Code/User/settings.json"],
    windows: &["%APPDATA%/Code/User/settings.json"],
};

/// Every client, those that `install` changes first.
pub const CLIENTS: &[Client] = &[
    Client {
        id: "claude-desktop",
        name: "Claude Desktop",
        files: Files {
            linux: &[
                "$XDG_CONFIG_HOME/Claude/claude_desktop_config.json",
                "~/.config/Claude/claude_desktop_config.json",
            ],
            mac: &["~/Library/Application Support/Claude/claude_desktop_config.json"],
            windows: &[
                "%LOCALAPPDATA%/Packages/Claude_*/LocalCache/Roaming/Claude/claude_desktop_config.json",
                "%APPDATA%/Claude/claude_desktop_config.json",
            ],
        },
        installs: true,
        check: "Settings, Developer lists the server and its state. Its log is \
               `mcp-server-trackio.log`, in `~/Library/Logs/Claude` on macOS and in \
               `%APPDATA%\\Claude\\logs` on Windows.",
        note: "Quit and start it again after a change. Installed from the Microsoft Store, it \
               reads the file below `Packages`.",
        source: "https://modelcontextprotocol.io/docs/develop/connect-local-servers",
        ..USUAL
    },
    Client {
        id: "claude-code",
        name: "Claude Code",
        reads: Leniency { mark: true, ..Leniency::NONE },
        is_desktop: false,
        files: Files::same(&["$CLAUDE_CONFIG_DIR/.claude.json", "~/.claude.json"]),
        project_file: Some(".mcp.json"),
        shape: Shape::Typed("stdio"),
        installs: true,
        own: Some(Own {
            add: &["claude", "mcp", "add-json", "-s", "user", "{name}", "{json}"],
            remove: Some(&["claude", "mcp", "remove", "-s", "user", "{name}"]),
            replaces: false,
        }),
        check: "`claude mcp list` starts the server and says `Connected`; in a session, `/mcp` does.",
        note: "It loads tools when it needs them; `\"alwaysLoad\": true` in the entry has them \
               ready from the start.",
        source: "https://code.claude.com/docs/en/mcp",
        ..USUAL
    },
    Client {
        id: "cursor",
        name: "Cursor",
        files: Files::same(&["~/.cursor/mcp.json"]),
        project_file: Some(".cursor/mcp.json"),
        installs: true,
        link: Some(Link::Cursor),
        stale: &[Stale {
            files: Files {
                linux: &[
                    "$XDG_CONFIG_HOME/Cursor/User/settings.json",
                    "~/.config/Cursor/User/settings.json",
                ],
                mac: &["~/Library/Application Support/Cursor/User/settings.json"],
                windows: &["%APPDATA%/Cursor/User/settings.json"],
            },
            format: Format::Json,
            key: "mcp.servers",
            why: "Cursor reads `mcp.json`, not `mcp.servers` in its settings",
        }],
        check: "Its settings list the server with its tools under MCP. The Output panel has \
                `MCP Logs`.",
        source: "https://cursor.com/docs/mcp",
        ..USUAL
    },
    Client {
        id: "vscode",
        aliases: &["code", "copilot"],
        name: "VS Code",
        reads: Leniency::ALL,
        files: Files {
            linux: &["$XDG_CONFIG_HOME/Code/User/mcp.json", "~/.config/Code/User/mcp.json"],
            mac: &["~/Library/Application Support/Code/User/mcp.json"],
            windows: &["%APPDATA%/Code/User/mcp.json"],
        },
        project_file: Some(".vscode/mcp.json"),
        key: "servers",
        shape: Shape::Typed("stdio"),
        installs: true,
        own: Some(Own {
            add: &["code", "--add-mcp", "{named-json}"],
            remove: None,
            replaces: true,
        }),
        link: Some(Link::Code),
        stale: &[Stale {
            files: CODE_SETTINGS,
            format: Format::Json,
            key: "mcp/servers",
            why: "VS Code reads `servers` in `mcp.json`, no longer `mcp` in its settings",
        }],
        check: "`MCP: List Servers` in the command palette, then the server, Show Output.",
        source: "https://code.visualstudio.com/docs/copilot/reference/mcp-configuration",
        ..USUAL
    },
    Client {
        id: "codex",
        name: "Codex",
        reads: Leniency::ALL,
        is_desktop: false,
        files: Files::same(&["$CODEX_HOME/config.toml", "~/.codex/config.toml"]),
        project_file: Some(".codex/config.toml"),
        format: Format::Toml,
        key: "mcp_servers",
        installs: true,
        own: Some(Own {
            add: &["codex", "mcp", "add", "{name}", "{env --env}", "--", "{command}", "{args}"],
            remove: Some(&["codex", "mcp", "remove", "{name}"]),
            replaces: true,
        }),
        check: "`/mcp` in a session lists the server's tools. `codex mcp list` shows the entry, and \
                does not start it.",
        note: "A project's file counts only where the project is trusted.",
        source: "https://developers.openai.com/codex/mcp",
        ..USUAL
    },
    Client {
        id: "gemini-cli",
        aliases: &["gemini"],
        name: "Gemini CLI",
        reads: Leniency { comments: true, ..Leniency::NONE },
        is_desktop: false,
        files: Files::same(&["~/.gemini/settings.json"]),
        project_file: Some(".gemini/settings.json"),
        installs: true,
        own: Some(Own {
            add: &[
                "gemini",
                "mcp",
                "add",
                "-s",
                "user",
                "{env -e}",
                "{name}",
                "{command}",
                "{args}",
            ],
            remove: Some(&["gemini", "mcp", "remove", "-s", "user", "{name}"]),
            replaces: true,
        }),
        check: "`/mcp` in a session lists the server's tools; `gemini mcp list` starts the server in \
                trusted folders only.",
        note: "It connects to servers only in folders that it trusts.",
        source: "https://github.com/google-gemini/gemini-cli/blob/main/docs/tools/mcp-server.md",
        ..USUAL
    },
    Client {
        id: "zed",
        name: "Zed",
        reads: Leniency::ALL,
        files: Files {
            linux: &["$XDG_CONFIG_HOME/zed/settings.json", "~/.config/zed/settings.json"],
            mac: &["~/.config/zed/settings.json"],
            windows: &["%APPDATA%/Zed/settings.json"],
        },
        project_file: Some(".zed/settings.json"),
        key: "context_servers",
        installs: true,
        check: "The settings of the Agent Panel show a green dot beside a server that runs.",
        note: "`agent: open settings`, Add Server does the same.",
        source: "https://zed.dev/docs/ai/mcp",
        ..USUAL
    },
    Client {
        id: "continue",
        name: "Continue",
        reads: Leniency::ALL,
        files: Files::same(&["~/.continue/config.yaml"]),
        project_file: Some(".continue/mcpServers/trackio.yaml"),
        format: Format::YamlList,
        installs: true,
        stale: &[Stale {
            files: Files::same(&["~/.continue/config.json"]),
            format: Format::Json,
            key: "mcpServers",
            why: "Continue reads `config.yaml`; `config.json` is deprecated",
        }],
        check: "Servers work in agent mode only. A map under `mcpServers` fails with \
                `Expected array, received object`.",
        note: "`mcpServers` is a list. A file in a project also has `name`, `version` and \
               `schema` at its top.",
        source: "https://docs.continue.dev/customize/deep-dives/mcp",
        ..USUAL
    },
    Client {
        id: "cody",
        name: "Cody (Enterprise)",
        reads: Leniency::ALL,
        files: CODE_SETTINGS,
        key: "cody.mcpServers",
        stale: &[Stale {
            files: CODE_SETTINGS,
            format: Format::Json,
            key: "cody.experimental.mcp",
            why: "Cody reads `cody.mcpServers`",
        }],
        note: "The instance has to have agentic context for MCP switched on. In JetBrains the \
               file is `cody_settings.json`, and `command` has to be an absolute path.",
        source: "https://sourcegraph.com/docs/cody/capabilities/agentic-context-fetching",
        ..USUAL
    },
    Client {
        id: "openhands",
        name: "OpenHands",
        is_desktop: false,
        files: Files::same(&["~/.openhands/mcp.json"]),
        own: Some(Own {
            add: &[
                "openhands",
                "mcp",
                "add",
                "{name}",
                "--transport",
                "stdio",
                "{env --env}",
                "{command}",
                "{-- args}",
            ],
            remove: Some(&["openhands", "mcp", "remove", "{name}"]),
            replaces: false,
        }),
        stale: &[Stale {
            files: Files::same(&["~/.openhands/config.toml"]),
            format: Format::Toml,
            key: "mcp/stdio_servers",
            why: "the command line of OpenHands reads `mcp.json` since 1.0",
        }],
        check: "`openhands mcp list` shows the entry, and does not start it.",
        note: "The graphical application has its own page: Settings, MCP.",
        source: "https://docs.openhands.dev/openhands/usage/cli/mcp-servers",
        ..USUAL
    },
    Client {
        id: "goose",
        name: "Goose",
        reads: Leniency::ALL,
        files: Files {
            linux: &["$XDG_CONFIG_HOME/goose/config.yaml", "~/.config/goose/config.yaml"],
            mac: &["~/.config/goose/config.yaml"],
            windows: &["%APPDATA%/Block/goose/config/config.yaml"],
        },
        format: Format::YamlMap,
        key: "extensions",
        shape: Shape::Goose,
        link: Some(Link::Goose),
        note: "`goose configure` asks for the same. The link works with `uvx` only, and Goose asks \
               for the variables, as a link cannot hold them.",
        source: "https://block.github.io/goose/docs/getting-started/using-extensions",
        ..USUAL
    },
    Client {
        id: "lm-studio",
        name: "LM Studio",
        files: Files::same(&["~/.lmstudio/mcp.json"]),
        link: Some(Link::LmStudio),
        note: "Program, Install, Edit mcp.json opens the file wherever it is.",
        source: "https://lmstudio.ai/docs/app/mcp",
        ..USUAL
    },
    Client {
        id: "cline",
        name: "Cline",
        files: Files {
            linux: &[
                "$XDG_CONFIG_HOME/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
                "~/.config/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
            ],
            mac: &[
                "~/Library/Application Support/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
            ],
            windows: &[
                "%APPDATA%/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
            ],
        },
        note: "The command line keeps its own file, \
               `~/.cline/data/settings/cline_mcp_settings.json`.",
        source: "https://docs.cline.bot/mcp/configuring-mcp-servers",
        ..USUAL
    },
    Client {
        id: "opencode",
        name: "OpenCode",
        reads: Leniency::ALL,
        is_desktop: false,
        files: Files::same(&[
            "$XDG_CONFIG_HOME/opencode/opencode.jsonc",
            "~/.config/opencode/opencode.jsonc",
        ]),
        key: "mcp",
        shape: Shape::OpenCode,
        check: "`opencode mcp list` starts the server and says `connected`.",
        note: "`opencode.json` in the same folder is read too.",
        source: "https://opencode.ai/docs/mcp-servers",
        ..USUAL
    },
    Client {
        id: "copilot-cli",
        name: "Copilot CLI",
        is_desktop: false,
        files: Files::same(&["~/.copilot/mcp-config.json"]),
        project_file: Some(".github/mcp.json"),
        shape: Shape::Copilot,
        own: Some(Own {
            add: &["copilot", "mcp", "add", "{name}", "{env --env}", "--", "{command}", "{args}"],
            remove: Some(&["copilot", "mcp", "remove", "{name}"]),
            replaces: false,
        }),
        check: "`copilot mcp list` shows the entry, and does not start it.",
        source: "https://docs.github.com/en/copilot/how-tos/copilot-cli/customize-copilot/add-mcp-servers",
        ..USUAL
    },
    Client {
        id: "windsurf",
        aliases: &["devin-desktop"],
        name: "Windsurf (Devin Desktop)",
        files: Files::same(&["~/.codeium/windsurf/mcp_config.json"]),
        source: "https://docs.windsurf.com/windsurf/cascade/mcp",
        ..USUAL
    },
];

/// The client that a word of the command line means.
pub fn find(word: &str) -> Option<&'static Client> {
    let letters = |text: &str| -> String {
        text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
    };
    let word = letters(word);
    CLIENTS.iter().find(|client| {
        let names = [client.id, client.name].into_iter().chain(client.aliases.iter().copied());
        names.into_iter().any(|name| letters(name) == word)
    })
}
