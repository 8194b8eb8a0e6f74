//! Every format by itself; whole files of clients are in `tests/install.rs`.

use super::*;

/// A format, a key, a text.
type Case = (Format, &'static str, &'static str);

/// Files in odd forms that an entry goes into and comes out of.
const ODD: &[Case] = &[
    (
        Format::Json,
        "mcpServers",
        "{\n\t// ours\n\t\"a\": 1, // x\n\t\"mcpServers\": {\n\t\t\"o\": {\"command\": \"x\"} // k\n\t} /* z */\n}\n",
    ),
    (Format::Json, "servers", "{\n   \"a\": 1,\n}"),
    (
        Format::Json,
        "servers",
        "{ \"é\": \"ü\",\n\n   \"servers\": {\n       \"o\": {},\n   },\n}\n",
    ),
    (Format::Toml, "mcp_servers", "# c\na = 1 # x\n\n[mcp_servers.o]\ncommand = 'x'\n# tail\n"),
    (Format::Toml, "mcp_servers", "mcp_servers.o.command = \"x\"\n[z]\nq = 1\n"),
    (Format::Toml, "mcp_servers", "mcp_servers = { o = { command='x' } }\n"),
    (
        Format::Toml,
        "mcp_servers",
        "[mcp_servers.o]\ncommand='x'\n\n[mcp_servers.o.env]\nA='1'\n\n# about z\n[z]\nq=1\n",
    ),
    (
        Format::YamlList,
        "mcpServers",
        "# é\nname: x\nmcpServers:\n  # first\n  - name: o\n    command: x # k\n    d: |\n      abc\n\n  # tail\n\nmodels: &a\n- x\n",
    ),
    (
        Format::YamlList,
        "mcpServers",
        "mcpServers:\n-   name: o\n    command: x\nmodels:\n  - b: c\n",
    ),
    (Format::YamlList, "mcpServers", "name: x\nmodels: # none\n"),
    (Format::YamlList, "mcpServers", "mcpServers:\n  -\n    name: o\n    env: {A: b}\n# end\n"),
];

fn entry() -> Value {
    json!({"command": "/opt/mcp trackio", "args": ["--dir", "a b"], "env": {"TRACKIO_DIR": "C:\\t", "HF_HOME": "/hf"}})
}

fn forms(text: &str) -> [String; 2] {
    [text.to_owned(), text.replace('\n', "\r\n")]
}

#[test]
fn an_entry_goes_in_and_out_and_leaves_no_trace() {
    for (format, key, text) in ODD {
        for text in forms(text) {
            let with = format.put(&text, key, "trackio", &entry()).expect(&text);
            let servers = format.servers(&with, key).expect(&with);
            let (_, found) = servers.iter().find(|(name, _)| name == "trackio").expect(&with);
            for (field, value) in entry().as_object().expect("a map") {
                assert_eq!(&found[field], value, "{with}");
            }
            for line in text.lines().filter(|line| line.contains('#') || line.contains("//")) {
                assert!(
                    with.contains(line.split(" //").next().unwrap_or(line)),
                    "{line:?}: {with}"
                );
            }
            assert_eq!(format.put(&with, key, "trackio", &entry()).expect("again"), with);
            assert_eq!(with.contains("\r\n"), text.contains("\r\n"));
            assert_eq!(
                with.matches('\n').count() == with.matches("\r\n").count(),
                text.contains("\r\n")
            );
            assert_eq!(format.remove(&with, key, "trackio").expect(&with), text, "{with}");
        }
    }
}

#[test]
fn an_entry_is_changed_where_it_stands() {
    let changed =
        json!({"command": "/new", "args": ["--dir", "a b"], "env": {"TRACKIO_DIR": "/n"}});
    for (format, key, text) in ODD {
        let with = format.put(text, key, "trackio", &entry()).expect(text);
        let with = format.put(&with, key, "zuletzt", &entry()).expect(&with);
        let after = format.put(&with, key, "trackio", &changed).expect(&with);
        let names = |text| -> Vec<String> {
            let servers = format.servers(text, key).expect(text);
            servers.into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(names(&with), names(&after), "{after}");
        assert!(after.contains("/new"), "{after}");
    }
}

#[test]
fn what_does_not_parse_is_refused() {
    let broken: &[Case] = &[
        (Format::Json, "mcpServers", "{\"mcpServers\": {"),
        (Format::Json, "mcpServers", "{\"a\": 1 \"b\": 2}"),
        (Format::Json, "mcpServers", "[]"),
        (Format::Json, "mcpServers", "{\"mcpServers\": []}"),
        (Format::Toml, "mcp_servers", "[mcp_servers\n"),
        (Format::Toml, "mcp_servers", "mcp_servers = 3\n"),
        (Format::Toml, "mcp_servers", "a = 1\r\nb = 2\n"),
        (Format::YamlList, "mcpServers", "a: [1\n"),
        (Format::YamlList, "mcpServers", "mcpServers:\n  o:\n    command: x\n"),
        (Format::YamlList, "mcpServers", "a: 1\n---\nb: 2\n"),
        (Format::YamlList, "mcpServers", "- a\n"),
    ];
    for (format, key, text) in broken {
        let refused = format.put(text, key, "trackio", &entry());
        assert!(refused.is_err(), "{text}: {refused:?}");
    }
}

#[test]
fn a_list_in_brackets_takes_an_entry() {
    let text = "mcpServers: [] # none\nname: x\n";
    let with = Format::YamlList.put(text, "mcpServers", "trackio", &entry()).expect("an edit");
    assert!(with.ends_with("] # none\nname: x\n"), "{with}");
    let without = Format::YamlList.remove(&with, "mcpServers", "trackio").expect("an edit");
    assert_eq!(without, "name: x\n");
}

#[test]
fn words_that_yaml_takes_for_something_else_are_quoted() {
    for text in ["true", "No", "1", "a: b", "", "-x", "C:\\t", "a #b", "~", "*a", "é"] {
        let entry = json!({"command": text, "args": [text], "env": {"A": text}});
        let with = Format::YamlList.put("", "mcpServers", "trackio", &entry).expect(text);
        assert!(with.contains(&Value::from(text).to_string()), "{with}");
    }
}
