//! Reads what matters of a message that cannot be parsed, or before it is: its id, its method, how
//! many values it holds. It takes the text in pieces and keeps hardly any of it.

use serde_json::Value;

use super::line::repaired;

/// Keys and ids that are longer are passed over.
const LONGEST: usize = 4 << 10;

/// What was seen so far of one line.
#[derive(Debug, Default)]
pub struct Skim {
    /// The id of the message.
    pub id: Option<Value>,
    /// Its method.
    pub method: Option<String>,
    /// Whether it is an answer to a request of ours.
    pub is_answer: bool,
    /// How many values the text holds.
    pub values: usize,
    is_object: bool,
    depth: usize,
    is_in_string: bool,
    is_escaped: bool,
    /// The member's name, once its colon is passed.
    name: Option<Vec<u8>>,
    /// The name or the plain value that is being read in the outermost object.
    token: Vec<u8>,
}

impl Skim {
    /// What is seen of a text.
    pub fn of(text: &[u8]) -> Self {
        let mut skim = Self::default();
        skim.feed(text);
        skim
    }

    /// Reads on.
    pub fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.take(byte);
        }
    }

    fn take(&mut self, byte: u8) {
        if self.is_in_string {
            self.keep(byte);
            match (self.is_escaped, byte) {
                (true, _) => self.is_escaped = false,
                (false, b'\\') => self.is_escaped = true,
                (false, b'"') => {
                    self.is_in_string = false;
                    self.end_string();
                }
                _ => {}
            }
            return;
        }
        match byte {
            b'"' => {
                self.is_in_string = true;
                if self.depth == 1 {
                    self.token.clear();
                    self.keep(byte);
                }
            }
            b'{' | b'[' => {
                if self.depth == 0 {
                    self.is_object = byte == b'{';
                }
                self.depth += 1;
                self.values += 1;
            }
            b'}' | b']' => {
                self.end_value();
                self.depth = self.depth.saturating_sub(1);
            }
            b':' if self.depth == 1 => {
                self.name = serde_json::from_slice::<String>(&self.token).ok().map(Into::into);
                self.token.clear();
                self.is_answer |= self.is_at(b"result") || self.is_at(b"error");
            }
            b',' => {
                self.values += 1;
                self.end_value();
            }
            b' ' | b'\t' | b'\r' | b'\n' => {}
            _ => self.keep(byte),
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.depth == 1 && self.token.len() < LONGEST {
            self.token.push(byte);
        }
    }

    fn is_at(&self, name: &[u8]) -> bool {
        self.is_object && self.name.as_deref() == Some(name)
    }

    /// A string is complete when it ends, even where the rest of the text is missing.
    fn end_string(&mut self) {
        if self.depth == 1 && (self.is_at(b"id") || self.is_at(b"method")) {
            self.end_value();
        }
    }

    fn end_value(&mut self) {
        if self.depth != 1 {
            return;
        }
        if self.is_at(b"id") && self.id.is_none() {
            let id = serde_json::from_slice::<Value>(&repaired(&self.token)).ok();
            self.id = id.filter(|id| id.is_string() || id.is_number());
        } else if self.is_at(b"method") && self.method.is_none() {
            self.method = serde_json::from_slice(&repaired(&self.token)).ok();
        }
        self.name = None;
        self.token.clear();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn skim(text: &[u8]) -> Skim {
        let mut skim = Skim::default();
        // In pieces, as a pipe brings it.
        text.chunks(3).for_each(|piece| skim.feed(piece));
        skim
    }

    #[test]
    fn the_id_of_a_broken_message_is_found() {
        let cases: [(&[u8], Option<Value>); 16] = [
            (br#"{"jsonrpc":"2.0","id":12,"method":"ping""#, Some(json!(12))),
            (br#"{"id":"a","params":{"id":3}"#, Some(json!("a"))),
            (br#"{"params":{"id":3},"id":-4}"#, Some(json!(-4))),
            (br#"{"params":{"x":NaN,"id":3},"id":4,"#, Some(json!(4))),
            (br#"{"params":{"x":1e400},"id":1.5}"#, Some(json!(1.5))),
            (b"{\"params\":{\"x\":\"caf\xe9\"},\"id\":5}", Some(json!(5))),
            (br#"{"params":{"x":"\ud83d"},"id":"\ud83d"}"#, Some(json!("\u{fffd}"))),
            (br#"{ "id" : 7 , }"#, Some(json!(7))),
            (br#"{"params":["}",{"id":1}],"id":8}"#, Some(json!(8))),
            (br#"{"params":"\"id\":1","id":9}"#, Some(json!(9))),
            // The end of a number is not known where the text ends.
            (br#"{"id":1"#, None),
            (br#"{"id":"1"#, None),
            (br#"{"id":null,"method":"ping"}"#, None),
            (br#"{"id":{"id":1},"method":"#, None),
            (br#"[{"id":1,"method":"ping"},"#, None),
            (br#""id":1"#, None),
        ];
        for (text, id) in cases {
            assert_eq!(skim(text).id, id, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn requests_are_told_from_notifications_and_answers() {
        let method = |text: &str| skim(text.as_bytes()).method;
        assert_eq!(method(r#"{"method":"a/b","#).as_deref(), Some("a/b"));
        assert_eq!(method(r#"{"params":{"method":"a"}}"#), None);
        assert!(skim(br#"{"id":1,"result":{"#).is_answer);
        assert!(skim(br#"{"id":1,"error":"#).is_answer);
        assert!(!skim(br#"{"id":1,"method":"x","params":{"error":1}}"#).is_answer);
    }

    #[test]
    fn values_are_counted_outside_strings() {
        for (text, values) in [("[1,2,3]", 3), (r#"{"a":[{},"x,y[{"]}"#, 4), (r#""[,,,""#, 0)] {
            assert_eq!(skim(text.as_bytes()).values, values, "{text}");
        }
    }
}
