//! Lets a session begin, whatever a client sends first.
//!
//! The SDK ends the process at any notification or answer that comes before `initialize`, and
//! clients that probe (`server/discover`, then a cancellation) do send such. They mean nothing
//! yet, so they are dropped.

use rmcp::RoleServer;
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, GetMeta, JsonRpcMessage};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use tokio::sync::watch;

/// A transport that passes requests alone until the session has begun.
pub struct Gate<T> {
    inner: T,
    is_open: bool,
    ended: watch::Sender<bool>,
}

impl<T> Gate<T> {
    /// Puts the gate before a transport; `ended` tells when its input has ended.
    pub fn new(inner: T, ended: watch::Sender<bool>) -> Self {
        Self { inner, is_open: false, ended }
    }
}

impl<T: Transport<RoleServer>> Transport<RoleServer> for Gate<T> {
    type Error = T::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.inner.send(item)
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            let Some(message) = self.inner.receive().await else {
                self.ended.send_replace(true);
                return None;
            };
            if self.is_open {
                return Some(message);
            }
            if let JsonRpcMessage::Request(_) = &message {
                self.is_open = begins_session(&message);
                return Some(message);
            }
            tracing::debug!("dropped a message that came before the session");
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.inner.close().await
    }
}

/// `initialize`, or a request that carries its own protocol version; a probe or a ping does not.
fn begins_session(message: &ClientJsonRpcMessage) -> bool {
    let JsonRpcMessage::Request(request) = message else { return false };
    match &request.request {
        ClientRequest::InitializeRequest(_) => true,
        ClientRequest::PingRequest(_) | ClientRequest::DiscoverRequest(_) => false,
        other => other.get_meta().protocol_version().is_some(),
    }
}
