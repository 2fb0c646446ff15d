//! What exec asks of a provider, and the ways in which it may be refused.

use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use serde_json::{Map, Value};

use crate::catalog::OperationId;
use crate::model::{Balance, JobResult, TaskId};

/// One request for an operation, in the manifest's vocabulary, with every reference put in.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// What is asked for.
    pub operation: OperationId,
    /// Its inputs by parameter name.
    pub inputs: Map<String, Value>,
}

/// What a submit was answered with.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Accepted and charged; the result is to be polled for.
    Task(TaskId),
    /// Accepted and charged; here is the result.
    Done(JobResult),
    /// Still rendering (202 on `sonic/download`): not charged, to be asked again.
    NotReady,
}

/// What a poll found.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// Not done.
    Pending,
    /// Done.
    Done(JobResult),
    /// Failed at the provider.
    Failed {
        /// The provider's words.
        message: String,
        /// Whether the provider says that the credits were given back; `None` when it does not say.
        refunded: Option<bool>,
    },
}

/// A body that is being read, for a download.
pub struct FileBody {
    /// The status: 200, or 206 when a range was asked for and granted.
    pub status: u16,
    /// The type the server names.
    pub content_type: Option<String>,
    /// How many bytes the server says will come.
    pub content_length: Option<u64>,
    /// The bytes.
    pub body: BoxStream<'static, Result<Bytes, Fault>>,
}

/// A request that brought no usable answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// What this means for sending it again.
    pub kind: FaultKind,
    /// The HTTP status, if there was one.
    pub status: Option<u16>,
    /// What happened, in words; holds no secret.
    pub message: String,
    /// How long the provider asks to wait.
    pub retry_after: Option<Duration>,
}

/// What a fault means for sending the request again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Not a byte of it can have been acted on: it may be sent again.
    NotSent,
    /// The provider refused it and did not charge.
    Refused(Refusal),
    /// It may have been accepted and charged: it must never be sent again blindly.
    Unknown,
}

/// Why the provider refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Too few credits (402, or 403 with the provider's literal).
    Credits,
    /// The key (401).
    Key,
    /// No active subscription (403 with the provider's literal).
    Subscription,
    /// Too many requests (429).
    Rate,
    /// No capacity just now (503 that says so).
    Capacity,
    /// The content (any other 403).
    Moderation,
    /// The inputs (400), or an answer of 200 with another `code`.
    Invalid,
    /// No such task or clip (404).
    NotFound,
    /// The endpoint or the task type is gone (410).
    Retired,
    /// It failed at the provider, whose words promise that nothing was charged or that it was given back.
    FailedFree,
}

/// A provider.
pub trait Service: Send + Sync {
    /// Reads both credit pools; free of charge.
    fn balance(&self) -> BoxFuture<'_, Result<Balance, Fault>>;

    /// Sends one request for an operation, once.
    ///
    /// This is the only method that may cost credits: its caller has recorded the intent durably before.
    fn submit<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Answer, Fault>>;

    /// Asks how a task is doing; free of charge.
    fn poll<'a>(
        &'a self,
        operation: OperationId,
        task: &'a TaskId,
    ) -> BoxFuture<'a, Result<Progress, Fault>>;

    /// Starts to read a result file, from byte `from` on; the key is not sent along.
    fn download<'a>(&'a self, url: &'a str, from: u64) -> BoxFuture<'a, Result<FileBody, Fault>>;
}
