//! Links that open a client with the server filled in.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::entry::{Entry, Shape};

/// What JavaScript's `encodeURIComponent` leaves as it is.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// Whose link it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// `cursor://`, with the entry as base64.
    Cursor,
    /// `vscode:`, with the named entry as JSON.
    Code,
    /// `goose://`, with the command's words; it takes no other programs than `uvx` and the like.
    Goose,
    /// `lmstudio://`, with the entry as base64.
    LmStudio,
}

impl Link {
    /// The link for an entry, where the client takes it.
    pub fn to(self, name: &str, entry: &Entry) -> Option<String> {
        let config = entry.value(Shape::Usual, name).to_string();
        let base64 = escaped(&STANDARD.encode(config));
        Some(match self {
            Self::Cursor => format!(
                "cursor://anysphere.cursor-deeplink/mcp/install?name={}&config={base64}",
                escaped(name)
            ),
            Self::LmStudio => format!("lmstudio://add_mcp?name={}&config={base64}", escaped(name)),
            Self::Code => {
                format!("vscode:mcp/install?{}", escaped(&named(name, entry).to_string()))
            }
            // Goose asks the user for variables; a link cannot hold them.
            Self::Goose if entry.command == "uvx" => {
                let args: String =
                    entry.args.iter().map(|word| format!("&arg={}", escaped(word))).collect();
                format!(
                    "goose://extension?cmd=uvx{args}&timeout=300&id={0}&name={0}&description={1}",
                    escaped(name),
                    escaped("Experiments that Trackio recorded")
                )
            }
            Self::Goose => return None,
        })
    }
}

/// The entry with its name in it, as VS Code takes it.
pub fn named(name: &str, entry: &Entry) -> Value {
    let mut named = json!({"name": name});
    if let (Value::Object(fields), Value::Object(more)) =
        (&mut named, entry.value(Shape::Typed("stdio"), name))
    {
        fields.extend(more);
    }
    named
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, COMPONENT).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cursor's as its documentation generates it, VS Code's by `encodeURIComponent` of the JSON.
    #[test]
    fn links_hold_the_entry() {
        let entry =
            Entry { command: "uvx".into(), args: vec!["mcp-trackio".into()], env: Vec::new() };
        let base64 = "eyJjb21tYW5kIjoidXZ4IiwiYXJncyI6WyJtY3AtdHJhY2tpbyJdfQ%3D%3D";
        let links = [
            (Link::Cursor, format!("cursor://anysphere.cursor-deeplink/mcp/install?name=trackio&config={base64}")),
            (Link::LmStudio, format!("lmstudio://add_mcp?name=trackio&config={base64}")),
            (Link::Code, "vscode:mcp/install?%7B%22name%22%3A%22trackio%22%2C%22type%22%3A%22stdio%22%2C%22command%22%3A%22uvx%22%2C%22args%22%3A%5B%22mcp-trackio%22%5D%7D".to_owned()),
            (Link::Goose, "goose://extension?cmd=uvx&arg=mcp-trackio&timeout=300&id=trackio&name=trackio&description=Experiments%20that%20Trackio%20recorded".to_owned()),
        ];
        for (link, expected) in links {
            assert_eq!(link.to("trackio", &entry), Some(expected));
        }
        let binary = Entry { command: "/opt/mcp-trackio".into(), ..entry };
        assert_eq!(Link::Goose.to("trackio", &binary), None);
    }
}
