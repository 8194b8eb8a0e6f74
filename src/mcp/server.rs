//! The server: lists the tools, calls them off the reactor, turns answers into MCP results.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestParams,
    CompleteResult, ContentBlock, DiscoverResult, ErrorData, GetPromptRequestParams,
    GetPromptResponse, Implementation, ListPromptsResult, ListResourceTemplatesResult,
    ListResourcesResult, ListToolsResult, PaginatedRequestParams, ReadResourceRequestParams,
    ReadResourceResponse, ReadResourceResult, ServerCapabilities, ServerConfig,
    SubscribeRequestParams, SubscriptionFilter, Tool as Definition, ToolAnnotations,
    UnsubscribeRequestParams,
};
use rmcp::service::{RequestContext, ServerInitializeError, SubscriptionContext};
use rmcp::transport::io::{StdioReader, stdio_pipes};
use rmcp::{RoleServer, ServerHandler, ServiceExt};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::completion::Question;
use super::gate::Gate;
use super::prompts::{self, Prompt};
use super::resources;
use super::subscriptions::{self, Promises, Subscriptions};
use super::work::Worker;
use crate::tools::common::address::Address;
use crate::tools::common::budget::Fitted;
use crate::tools::common::nearest::{nearest, quoted};
use crate::tools::common::{Failure, text};
use crate::tools::deadline::Task;
use crate::tools::{self, Access, AnyTool, Permission, access, document};
use crate::trackio::Store;

/// The list is the same for the life of the process.
const LIST_TTL_MS: u64 = 3_600_000;
/// What stands in the data can be new at any time.
const DATA_TTL_MS: u64 = 0;

/// After the end of the input the process ends within this time, whatever is stuck.
const LAST_WORDS: Duration = Duration::from_millis(1_500);

/// Serves `tools` on standard input and output until the input ends. A read may take `deadline`.
///
/// Threads that are stuck go on when this returns; they end with the process.
pub fn serve(
    store: Store,
    tools: Vec<&'static dyn AnyTool>,
    permission: Permission,
    deadline: Duration,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let served = runtime.block_on(async {
        let (reader, writer) = stdio_pipes();
        let (end, ended) = watch::channel(false);
        let worker =
            Worker { store: Arc::new(store), permission, deadline, ended, crew: Arc::default() };
        let leaving = worker.clone();
        let server = Server {
            worker,
            prompts: prompts::offered(&tools).into(),
            tools: tools.into(),
            subscriptions: Arc::default(),
            promises: Arc::default(),
        };
        tokio::select! {
            served = server.session(Gate::new(reader, writer, end)) => served,
            () = leaving.has_ended_for(LAST_WORDS) => Ok(()),
        }
    });
    runtime.shutdown_background();
    served
}

#[derive(Clone)]
struct Server {
    worker: Worker,
    tools: Arc<[&'static dyn AnyTool]>,
    prompts: Arc<[&'static Prompt]>,
    subscriptions: Arc<Subscriptions>,
    promises: Arc<Promises>,
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_prompts()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_completions()
            .build();
        let about = Implementation::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
            .with_title("Trackio experiments");
        ServerConfig::new(capabilities)
            .with_server_info(about)
            .with_instructions(document::instructions(&self.worker.permission))
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
        let arguments = request.arguments.unwrap_or_default();
        let task = Task::of_call(tool, &arguments, self.worker.deadline);
        let work = self.worker.run(Some(&context), task, move |given| tool.call(given, arguments));
        Ok(match work.await {
            Ok(answer) => success(tool, answer),
            Err(failure) => error(&failure),
        }
        .into())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let definitions = self.prompts.iter().map(|prompt| prompt.definition()).collect();
        Ok(ListPromptsResult::with_all_items(definitions)
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Private))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        #[cfg(planted = "reply")]
        if arguments.values().any(|value| !value.as_str().is_some_and(str::is_ascii)) {
            std::future::pending::<()>().await;
        }
        let prompt = prompts::find(&self.prompts, &request.name);
        let message = prompt.and_then(|prompt| prompt.message(&arguments, Timestamp::now()));
        message.map(Into::into).map_err(|failure| refused(&failure))
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let cursor = request.and_then(|request| request.cursor);
        let work = self.worker.run(Some(&context), self.read("resources/list"), move |given| {
            resources::list(&given.context(), cursor.as_deref())
        });
        let (found, next_cursor) = work.await.map_err(|failure| refused(&failure))?;
        let mut result = ListResourcesResult::with_all_items(found)
            .with_ttl_ms(DATA_TTL_MS)
            .with_cache_scope(CacheScope::Private);
        result.next_cursor = next_cursor;
        Ok(result)
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(ListResourceTemplatesResult::with_all_items(resources::templates())
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Private))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let uri = request.uri.clone();
        let work = self.worker.run(Some(&context), self.read("resources/read"), move |given| {
            resources::read(given, &uri)
        });
        let contents = work.await.map_err(|failure| no_resource(&request.uri, &failure))?;
        Ok(ReadResourceResult::new(contents)
            .with_ttl_ms(DATA_TTL_MS)
            .with_cache_scope(CacheScope::Private)
            .into())
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let question = Question::of(request, &self.prompts).map_err(|failure| refused(&failure))?;
        let work =
            self.worker.run(Some(&context), self.read("completion/complete"), move |given| {
                Ok(question.answer(&given.context()))
            });
        Ok(CompleteResult::new(work.await.map_err(|failure| refused(&failure))?))
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let uri = request.uri;
        let added = self.subscriptions.add(uri.clone(), &self.worker, &context.peer).await;
        added.map_err(|failure| no_resource(&uri, &failure))
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.subscriptions.remove(request.uri, &self.worker, &context.peer);
        Ok(())
    }

    /// What has the form of our addresses; whether such a resource is there, `listen` looks.
    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        let mut accepted = requested.clone();
        if let Some(uris) = &mut accepted.resource_subscriptions {
            uris.retain(|uri| Address::parse(uri).is_ok());
            self.promises.make(&self.worker, uris);
        }
        Some(accepted)
    }

    async fn listen(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        let uris = subscription.requested().resource_subscriptions.clone().unwrap_or_default();
        let listening =
            subscriptions::listen(&self.worker, &subscription, uris.clone(), &self.promises);
        let listened = listening.await;
        listened.map_err(|failure| no_resource(&uris.join(", "), &failure))
    }
}

impl Server {
    async fn session(self, gate: Gate<StdioReader>) -> anyhow::Result<()> {
        match self.serve(gate).await {
            Ok(running) => running.waiting().await.map(drop).map_err(anyhow::Error::from),
            // A client that only probed and left.
            Err(ServerInitializeError::ConnectionClosed(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Work for a request that only reads.
    fn read(&self, method: &str) -> Task {
        Task::read(method, self.worker.deadline)
    }

    fn find(&self, name: &str) -> Option<&'static dyn AnyTool> {
        self.tools.iter().copied().find(|tool| tool.name() == name)
    }

    /// The answer to a call of a tool that is not offered: one that exists says how to allow it.
    fn absent(&self, name: &str) -> Result<CallToolResponse, ErrorData> {
        match tools::find(name) {
            Some(tool) if !self.worker.permission.covers(tool.access()) => {
                Ok(error(&access::refusal(tool.name())).into())
            }
            _ => Err(self.no_such_tool(name)),
        }
    }

    fn no_such_tool(&self, name: &str) -> ErrorData {
        #[cfg(planted = "hang")]
        while name.contains(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            std::thread::sleep(std::time::Duration::from_secs(1));
        }
        let names = self.tools.iter().map(|tool| tool.name());
        let message = format!(
            "There is no tool {}. Nearest: {}.",
            text::in_backquotes(name),
            quoted(&nearest(name, names))
        );
        ErrorData::invalid_params(message, None)
    }
}

fn definition(tool: &dyn AnyTool) -> Definition {
    let definition = Definition::new(tool.name(), tool.about(), tool.input_schema())
        .with_title(tool.title())
        .with_annotations(annotations(tool.access()));
    match tool.output_schema() {
        Some(schema) => definition.with_raw_output_schema(schema),
        None => definition,
    }
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

/// The text, a picture if there is one, and the structured part of a tool that has a schema for it.
fn success(tool: &dyn AnyTool, answer: Fitted) -> CallToolResult {
    let text = ContentBlock::text(answer.text);
    let picture = answer.picture.map(|picture| ContentBlock::image(picture.base64(), picture.mime));
    let links =
        answer.whole.iter().map(|address| ContentBlock::resource_link(resources::link(address)));
    let mut result =
        CallToolResult::success([text].into_iter().chain(picture).chain(links).collect());
    result.structured_content = tool.output_schema().map(|_| Value::Object(answer.structured));
    result
}

/// In text: some clients drop the structured part of an error.
fn error(failure: &Failure) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(failure.0.clone())])
}

fn refused(failure: &Failure) -> ErrorData {
    ErrorData::invalid_params(failure.clone().shown().0, None)
}

fn no_resource(uri: &str, failure: &Failure) -> ErrorData {
    let uri = text::cut(uri, 2_000);
    let data = json!({"uri": text::visible(&uri)});
    ErrorData::resource_not_found(failure.clone().shown().0, Some(data))
}
