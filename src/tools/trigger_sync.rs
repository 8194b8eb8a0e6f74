//! `trigger_sync`: asks a running Trackio server to sync.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::common::sending::{self, failure};
use super::common::{Answer, Context, Failure, Output};
use super::{Access, Category, Tool};

pub struct TriggerSync;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    /// The user's server by its URL; may be left out.
    server: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub struct Synced {
    server: String,
    trackio_version: String,
    synced: bool,
}

impl Tool for TriggerSync {
    const NAME: &'static str = "trigger_sync";
    const TITLE: &'static str = "Ask a Trackio server to sync";
    const CATEGORY: Category = Category::Write;
    const ABOUT: &'static str = "Asks a running Trackio server (`trackio show`, or a Space) to sync \
        now: it imports its inbox and exports its Parquet files.";
    const GUIDE: &'static str = "No rows are sent or changed from here. The server is the one \
        that TRACKIO_SPACE_ID or TRACKIO_SERVER_URL names in the client's configuration, and no other.";
    const ACCESS: Access = Access::Send { destructive: false, idempotent: true };
    type Args = Args;
    type Output = Synced;

    fn run(context: &Context, args: Args) -> Result<Answer<Synced>, Failure> {
        let client = sending::server(context, Self::NAME, args.server.as_deref())?;
        let trackio_version = sending::greet(&client)?;
        let did = format!("Asked {} to sync.", client.address);
        sending::note(context, Self::NAME, "", did, "There is nothing to undo.")?;
        let data = client.call("force_sync", json!({}));
        let data = data.map_err(|error| failure(&client, &error))?;
        let server = client.address.to_string();
        Ok(Answer::new(Synced { server, trackio_version, synced: data == true }))
    }
}

impl Output for Synced {
    fn headline(&self) -> String {
        let did = if self.synced { "has synced" } else { "did not say that it synced" };
        format!("{} {did}.", self.server)
    }
}
