//! What stands between the standard streams and the SDK: every line that comes in becomes a
//! message that the SDK knows, or is answered here.
//!
//! The SDK ends the process at any notification that comes before `initialize`, loses the answers
//! to requests that share an id, and knows no batches. None of that reaches it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, ClientRequest, ErrorCode, GetMeta, JsonRpcMessage,
    ProtocolVersion, RequestId, ServerResult,
};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use serde::Serialize;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::Instant;

use super::input::Input;
use super::line::{self, Line, Refusal};
use super::output::Output;

/// How many requests may be under way.
const MOST_REQUESTS: usize = 4_000;
/// How many bytes these requests may take.
const MOST_BYTES: usize = 64 << 20;
/// A client that has read nothing for so long, while as much waits as may, has gone.
const READS_WITHIN: Duration = Duration::from_secs(60);
/// The code of the error that says that too much is under way; JSON-RPC leaves it to servers.
const BUSY: ErrorCode = ErrorCode(-32_000);

/// The transport that the SDK is given.
pub struct Gate<R> {
    input: Input<R>,
    output: Output,
    session: Session,
    /// Messages of a batch that the SDK has not been given yet.
    waiting: VecDeque<ClientJsonRpcMessage>,
    full_since: Option<Instant>,
    ended: watch::Sender<bool>,
}

impl<R: AsyncRead + Unpin> Gate<R> {
    /// A gate between these streams; `ended` tells when the input has ended.
    pub fn new(
        input: R,
        output: impl AsyncWrite + Send + Unpin + 'static,
        ended: watch::Sender<bool>,
    ) -> Self {
        Self {
            input: Input::new(input),
            output: Output::new(output),
            session: Session::default(),
            waiting: VecDeque::new(),
            full_since: None,
            ended,
        }
    }

    /// The next line; `None` when the client has gone. May be given up at any time.
    async fn line(&mut self) -> Option<(Line, usize)> {
        if self.output.is_full() {
            let since = *self.full_since.get_or_insert_with(Instant::now);
            tokio::select! {
                has_room = self.output.has_room() => if !has_room { return None },
                () = tokio::time::sleep_until(since + READS_WITHIN) => return None,
            }
        }
        self.full_since = None;
        tokio::select! {
            line = self.input.next() => line,
            () = self.output.is_gone() => None,
        }
    }

    /// Gives the SDK what it can take, and answers the rest.
    fn take(&mut self, line: Line, bytes: usize) {
        let answer = match line {
            Line::Nothing => None,
            Line::Refused(refusal) => Some(refusal.answer()),
            Line::Message(message) => match self.session.admit(&message, bytes) {
                Admitted::Yes(answer) => {
                    self.waiting.push_back(*message);
                    answer
                }
                Admitted::Dropped => None,
                Admitted::Refused(refusal) => Some(refusal.answer()),
            },
            Line::Batch(members) => self.take_batch(members, bytes),
        };
        if let Some(answer) = answer {
            self.answer(&answer);
        }
    }

    /// The answer, where no member has to be waited for.
    fn take_batch(&mut self, members: Vec<Value>, bytes: usize) -> Option<Value> {
        if !self.session.has_batches {
            let why = "a batch cannot be answered: the protocol has them only in revision \
                       2025-03-26, after initialize. Send each message on a line of its own";
            let refusal = Refusal::new(Value::Null, ErrorCode::INVALID_REQUEST, why);
            return Some(refusal.answer());
        }
        let mut batch = Batch::default();
        let share = bytes / members.len().max(1);
        for member in members {
            match line::message(member) {
                Line::Refused(refusal) => batch.answers.push(refusal.answer()),
                Line::Message(message) => match self.session.admit(&message, share) {
                    Admitted::Yes(answer) => {
                        batch.answers.extend(answer);
                        if let JsonRpcMessage::Request(request) = &*message {
                            batch.open.insert(request.id.clone());
                        }
                        self.waiting.push_back(*message);
                    }
                    Admitted::Dropped => {}
                    Admitted::Refused(refusal) => batch.answers.push(refusal.answer()),
                },
                Line::Nothing | Line::Batch(_) => {}
            }
        }
        if batch.open.is_empty() {
            return batch.answer();
        }
        self.session.batches.push(batch);
        None
    }

    fn answer(&self, message: &impl Serialize) {
        if let Err(error) = self.send_line(message) {
            tracing::debug!(%error, "the client takes no more answers");
        }
    }

    fn send_line(&self, message: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        self.output.send(line)
    }
}

impl<R: AsyncRead + Send + Unpin> Transport<RoleServer> for Gate<R> {
    type Error = io::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        std::future::ready(match self.session.release(&item) {
            Released::Alone => match &item {
                // The SDK leaves out the id that it does not know.
                JsonRpcMessage::Error(error) if error.id.is_none() => {
                    let why = error.error.message.clone();
                    self.send_line(&Refusal::new(Value::Null, error.error.code, why).answer())
                }
                item => self.send_line(item),
            },
            Released::OfBatch(None) => Ok(()),
            Released::OfBatch(Some(answers)) => self.send_line(&answers),
        })
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            if let Some(message) = self.waiting.pop_front() {
                return Some(message);
            }
            let Some((line, bytes)) = self.line().await else {
                self.ended.send_replace(true);
                // A session that has not begun is not closed.
                self.output.is_written().await;
                return None;
            };
            self.take(line, bytes);
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        self.output.close().await;
        Ok(())
    }
}

/// What is known of the session and its requests.
#[derive(Default)]
struct Session {
    has_begun: bool,
    /// Whether the negotiated revision has batches.
    has_batches: bool,
    /// The requests that are not answered yet, and how long they are.
    under_way: HashMap<RequestId, usize>,
    bytes: usize,
    batches: Vec<Batch>,
}

/// A batch whose members are not all answered yet.
#[derive(Default)]
struct Batch {
    open: HashSet<RequestId>,
    answers: Vec<Value>,
}

impl Batch {
    /// One answer to all of it; none to notifications alone.
    fn answer(self) -> Option<Value> {
        (!self.answers.is_empty()).then_some(Value::Array(self.answers))
    }
}

/// Whether the SDK gets a message.
enum Admitted {
    /// It does; and a batch may be complete with it, because it cancels the last open member.
    Yes(Option<Value>),
    /// It does not, and nobody waits for an answer.
    Dropped,
    /// It does not, for this reason.
    Refused(Refusal),
}

/// Where an answer of the SDK goes.
enum Released {
    /// Out, on a line of its own.
    Alone,
    /// Into a batch, which goes out when it is complete.
    OfBatch(Option<Value>),
}

impl Session {
    fn admit(&mut self, message: &ClientJsonRpcMessage, bytes: usize) -> Admitted {
        let request = match message {
            JsonRpcMessage::Request(request) => request,
            // Before the session they mean nothing.
            _ if !self.has_begun => {
                tracing::debug!("dropped a message that came before the session");
                return Admitted::Dropped;
            }
            JsonRpcMessage::Notification(notice) => {
                if let ClientNotification::CancelledNotification(cancelled) = &notice.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    self.forget(id);
                    return Admitted::Yes(self.close_batch(id, None).flatten());
                }
                return Admitted::Yes(None);
            }
            _ => return Admitted::Dropped,
        };
        let refuse = |code, why: String| {
            let id = request.id.clone().into_json_value();
            Admitted::Refused(Refusal::new(id, code, why))
        };
        if self.under_way.contains_key(&request.id) {
            let why = "a request with this id is still under way; every request needs its own id";
            return refuse(ErrorCode::INVALID_REQUEST, why.to_owned());
        }
        if self.under_way.len() >= MOST_REQUESTS || self.bytes + bytes > MOST_BYTES {
            let under_way = self.under_way.len();
            let why = format!("{under_way} requests are under way already; wait for their answers");
            return refuse(BUSY, why);
        }
        self.has_begun |= begins_session(&request.request);
        self.under_way.insert(request.id.clone(), bytes);
        self.bytes += bytes;
        Admitted::Yes(None)
    }

    fn release(&mut self, item: &TxJsonRpcMessage<RoleServer>) -> Released {
        let id = match item {
            JsonRpcMessage::Response(response) => {
                if let ServerResult::InitializeResult(result) = &response.result {
                    self.has_batches = result.protocol_version == ProtocolVersion::V_2025_03_26;
                }
                Some(&response.id)
            }
            JsonRpcMessage::Error(error) => error.id.as_ref(),
            _ => None,
        };
        let Some(id) = id else { return Released::Alone };
        self.forget(id);
        match self.close_batch(id, Some(item)) {
            Some(answer) => Released::OfBatch(answer),
            None => Released::Alone,
        }
    }

    fn forget(&mut self, id: &RequestId) {
        self.bytes -= self.under_way.remove(id).unwrap_or_default();
    }

    /// Closes a member of a batch: `None` where it is of none, else the answer to the batch, if
    /// that is complete.
    fn close_batch(
        &mut self,
        id: &RequestId,
        answer: Option<&TxJsonRpcMessage<RoleServer>>,
    ) -> Option<Option<Value>> {
        let place = self.batches.iter().position(|batch| batch.open.contains(id))?;
        let batch = self.batches.get_mut(place)?;
        batch.open.remove(id);
        batch.answers.extend(answer.and_then(|answer| serde_json::to_value(answer).ok()));
        let is_complete = batch.open.is_empty();
        Some(is_complete.then(|| self.batches.swap_remove(place).answer()).flatten())
    }
}

/// `initialize`, or a request that carries all that stands for it; a probe or a ping does not. What
/// the SDK refuses begins nothing: it would still end at a notification.
fn begins_session(request: &ClientRequest) -> bool {
    match request {
        ClientRequest::InitializeRequest(_) => true,
        ClientRequest::PingRequest(_) | ClientRequest::DiscoverRequest(_) => false,
        other => {
            let about = other.get_meta();
            let is_known =
                |version: ProtocolVersion| ProtocolVersion::KNOWN_VERSIONS.contains(&version);
            about.protocol_version().is_some_and(is_known)
                && about.missing_required_keys(&ProtocolVersion::V_2026_07_28).is_empty()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ping(id: usize) -> ClientJsonRpcMessage {
        let ping = serde_json::json!({"jsonrpc": "2.0", "id": id, "method": "ping"});
        serde_json::from_value(ping).unwrap()
    }

    fn is_admitted(session: &mut Session, id: usize, bytes: usize) -> bool {
        matches!(session.admit(&ping(id), bytes), Admitted::Yes(None))
    }

    #[test]
    fn so_many_requests_may_be_under_way_and_no_more() {
        let mut session = Session::default();
        assert!((0..MOST_REQUESTS).all(|id| is_admitted(&mut session, id, 100)));
        assert!(!is_admitted(&mut session, MOST_REQUESTS, 100));
        session.forget(&RequestId::Number(7));
        assert!(is_admitted(&mut session, MOST_REQUESTS, 100));
    }

    #[test]
    fn they_may_take_so_many_bytes_and_no_more() {
        let mut session = Session::default();
        assert!(is_admitted(&mut session, 1, MOST_BYTES - 1));
        assert!(!is_admitted(&mut session, 2, 2));
        assert!(is_admitted(&mut session, 3, 1));
        session.forget(&RequestId::Number(1));
        assert!(is_admitted(&mut session, 4, MOST_BYTES - 1));
    }
}
