//! What a stranger's SQL may do on a connection.
//!
//! SQLite asks its authorizer about every action of a statement while it compiles it. Setting one
//! takes the connection mutably, and a snapshot only lends it, so every connection gets its
//! authorizer when it opens: open at first, for our own statements, and closed for the time of a
//! query that somebody else wrote.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

/// The pragmas that tell of the schema and change nothing. `database_list` is not among them: it
/// tells paths.
const PRAGMAS: &[&str] = &[
    "foreign_key_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "table_info",
    "table_list",
    "table_xinfo",
    "user_version",
];

/// Functions that reach out of the database. Our SQLite has none of the last three; another
/// build might.
const FORBIDDEN_FUNCTIONS: &[&str] =
    &["load_extension", "fts3_tokenizer", "sqlite_log", "edit", "readfile", "writefile"];

/// Whether a connection takes any statement, or only those that read. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<State>);

#[derive(Debug, Default)]
struct State {
    closed: AtomicBool,
    refused: Mutex<Option<String>>,
}

/// Keeps the gate closed until it goes.
#[derive(Debug)]
pub struct Closed<'a>(&'a Gate);

impl Gate {
    /// Lets only reading statements through, as long as the guard lives.
    pub fn close(&self) -> Closed<'_> {
        *self.refused() = None;
        self.0.closed.store(true, Ordering::Relaxed);
        Closed(self)
    }

    /// Whether SQL runs that is not ours.
    pub fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Relaxed)
    }

    /// What the connection asks for each action.
    pub fn authorizer(&self) -> impl FnMut(AuthContext<'_>) -> Authorization + Send + 'static {
        let gate = self.clone();
        move |context| {
            if !gate.is_closed() {
                return Authorization::Allow;
            }
            match objection(&context.action) {
                None => Authorization::Allow,
                Some(action) => {
                    gate.refused().get_or_insert(action);
                    Authorization::Deny
                }
            }
        }
    }

    fn refused(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.0.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Closed<'_> {
    /// The first action that was refused, in words.
    pub fn refused(&self) -> Option<String> {
        self.0.refused().clone()
    }
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.0.0.closed.store(false, Ordering::Relaxed);
    }
}

/// Why an action is not for strangers; `None` where it is. What SQLite may learn to do later is
/// refused.
fn objection(action: &AuthAction<'_>) -> Option<String> {
    let refused = match action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => return None,
        AuthAction::Function { function_name } => {
            if !FORBIDDEN_FUNCTIONS.contains(&function_name.to_lowercase().as_str()) {
                return None;
            }
            format!("the function {function_name}()")
        }
        AuthAction::Pragma { pragma_name, pragma_value } => {
            let name = pragma_name.to_lowercase();
            let sets_version = name == "user_version" && pragma_value.is_some();
            if PRAGMAS.contains(&name.as_str()) && !sets_version {
                return None;
            }
            match pragma_value {
                Some(value) => format!("PRAGMA {name}({value})"),
                None => format!("PRAGMA {name}"),
            }
        }
        AuthAction::Insert { table_name } => format!("INSERT into {table_name}"),
        AuthAction::Update { table_name, .. } => format!("UPDATE of {table_name}"),
        AuthAction::Delete { table_name } => format!("DELETE from {table_name}"),
        AuthAction::Attach { .. } | AuthAction::Detach { .. } => "another database".to_owned(),
        AuthAction::Transaction { .. } | AuthAction::Savepoint { .. } => "a transaction".to_owned(),
        _ => "a statement that changes the schema".to_owned(),
    };
    Some(refused)
}
