//! The server: lists the tools, calls them off the reactor, turns answers into MCP results.

use std::sync::Arc;

use jiff::Timestamp;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock,
    DiscoverResult, ErrorData, Implementation, ListToolsResult, PaginatedRequestParams,
    ProgressNotificationParam, ServerCapabilities, ServerConfig, Tool as Definition,
    ToolAnnotations,
};
use rmcp::service::{RequestContext, ServerInitializeError};
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::transport::stdio_pipes;
use rmcp::{RoleServer, ServerHandler, ServiceExt};
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use super::gate::Gate;
use crate::tools::common::budget::Fitted;
use crate::tools::common::nearest::{nearest, quoted};
use crate::tools::common::{Failure, Progress, text};
use crate::tools::{self, Access, AnyTool, Permission, Surroundings, access, document};
use crate::trackio::{Stop, Store};

/// The list is the same for the life of the process.
const LIST_TTL_MS: u64 = 3_600_000;

/// Serves `tools` on standard input and output until the input ends.
pub fn serve(
    store: Store,
    tools: Vec<&'static dyn AnyTool>,
    permission: Permission,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (reader, writer) = stdio_pipes();
        let (end, ended) = watch::channel(false);
        let transport = Gate::new(AsyncRwTransport::<RoleServer, _, _>::new(reader, writer), end);
        let server = Server { store: Arc::new(store), tools: tools.into(), permission, ended };
        match server.serve(transport).await {
            Ok(running) => running.waiting().await.map(drop).map_err(anyhow::Error::from),
            // A client that only probed and left.
            Err(ServerInitializeError::ConnectionClosed(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    })
}

#[derive(Clone)]
struct Server {
    store: Arc<Store>,
    tools: Arc<[&'static dyn AnyTool]>,
    permission: Permission,
    /// Whether the client has ended our input.
    ended: watch::Receiver<bool>,
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().build();
        let about = Implementation::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
            .with_title("Trackio experiments");
        ServerConfig::new(capabilities)
            .with_server_info(about)
            .with_instructions(document::instructions(&self.permission))
    }

    async fn discover(&self, _: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        let versions = self.supported_protocol_versions().into_owned();
        Ok(DiscoverResult::from_server_info(versions, self.get_info()).with_ttl_ms(LIST_TTL_MS))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let definitions = self.tools.iter().map(|tool| definition(*tool)).collect();
        Ok(ListToolsResult::with_all_items(definitions)
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Private))
    }

    fn get_tool(&self, name: &str) -> Option<Definition> {
        self.find(name).map(definition)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(tool) = self.find(&request.name) else {
            return self.absent(&request.name);
        };
        let stop = Stop::default();
        let (progress, mut reports) = progress(&context);
        let surroundings = Surroundings {
            store: Arc::clone(&self.store),
            now: Timestamp::now(),
            stop: stop.clone(),
            progress,
            permission: self.permission.clone(),
        };
        let arguments = request.arguments.unwrap_or_default();
        let mut work = tokio::task::spawn_blocking(move || tool.call(&surroundings, arguments));
        let mut ended = self.ended.clone();
        let finished = loop {
            tokio::select! {
                // In this order, what was reported goes out before the answer.
                biased;
                () = context.ct.cancelled(), if !stop.is_cancelled() => stop.cancel(),
                Some(report) = reports.recv() => {
                    if let Err(error) = context.peer.notify_progress(report).await {
                        tracing::debug!(%error, "the client does not take progress");
                    }
                }
                () = has_ended(&mut ended), if !stop.ends_waits() => stop.hurry(),
                finished = &mut work => break finished,
            }
        };
        Ok(match finished {
            Ok(Ok(answer)) => success(answer),
            Ok(Err(failure)) => error(&failure),
            Err(_) => error(&Failure(format!(
                "{} hit a bug and stopped; the server goes on. See its standard error.",
                tool.name()
            ))),
        }
        .into())
    }
}

impl Server {
    fn find(&self, name: &str) -> Option<&'static dyn AnyTool> {
        self.tools.iter().copied().find(|tool| tool.name() == name)
    }

    /// The answer to a call of a tool that is not offered: one that exists says how to allow it.
    fn absent(&self, name: &str) -> Result<CallToolResponse, ErrorData> {
        match tools::find(name) {
            Some(tool) if !self.permission.covers(tool.access()) => {
                Ok(error(&access::refusal(tool.name())).into())
            }
            _ => Err(self.no_such_tool(name)),
        }
    }

    fn no_such_tool(&self, name: &str) -> ErrorData {
        let names = self.tools.iter().map(|tool| tool.name());
        let message = format!(
            "There is no tool `{}`. Nearest: {}.",
            text::visible(&text::cut(name, 80)),
            quoted(&nearest(name, names))
        );
        ErrorData::invalid_params(message, None)
    }
}

async fn has_ended(ended: &mut watch::Receiver<bool>) {
    // An error says that the gate is gone, and with it the input.
    let _ = ended.wait_for(|ended| *ended).await;
}

/// Where a call reports its progress, and what comes out: nothing, where the client gave no token.
fn progress(
    context: &RequestContext<RoleServer>,
) -> (Progress, mpsc::UnboundedReceiver<ProgressNotificationParam>) {
    let (send, reports) = mpsc::unbounded_channel();
    let Some(token) = context.meta.get_progress_token() else {
        return (Progress::default(), reports);
    };
    let progress = Progress::to(move |report| {
        let mut told =
            ProgressNotificationParam::new(token.clone(), report.done).with_message(report.message);
        told.total = report.total;
        // The receiver outlives the call.
        let _ = send.send(told);
    });
    (progress, reports)
}

fn definition(tool: &dyn AnyTool) -> Definition {
    Definition::new(tool.name(), tool.about(), tool.input_schema())
        .with_title(tool.title())
        .with_raw_output_schema(tool.output_schema())
        .with_annotations(annotations(tool.access()))
}

/// What clients decide by whether to ask the user.
fn annotations(access: Access) -> ToolAnnotations {
    let of_writer = |destructive, idempotent| {
        ToolAnnotations::new().read_only(false).destructive(destructive).idempotent(idempotent)
    };
    match access {
        Access::Read => ToolAnnotations::new().read_only(true).open_world(false),
        Access::Write { destructive, idempotent } => {
            of_writer(destructive, idempotent).open_world(false)
        }
        Access::Send { destructive, idempotent } => {
            of_writer(destructive, idempotent).open_world(true)
        }
    }
}

fn success(answer: Fitted) -> CallToolResult {
    let mut result = CallToolResult::success(vec![ContentBlock::text(answer.text)]);
    result.structured_content = Some(Value::Object(answer.structured));
    result
}

/// In text: some clients drop the structured part of an error.
fn error(failure: &Failure) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(failure.0.clone())])
}
