//! The provider, over a transport: one exchange per call, and what came of it.
//!
//! Sends nothing a second time, and follows redirects only on the way to a result file, without the key.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use reqwest::Url;
use serde_json::{Value, json};

use crate::catalog::{
    Catalog, Kind, Operation, OperationId, Param, ParamType, PollShape, ResultKind,
};
use crate::model::{Balance, Credits, Family, JobResult, TaskId};

use super::address::{AddressError, Origin, check_file_url, host_name};
use super::error::{Errand, invalid, is_error_code, judge};
use super::progress;
use super::reply::{Reply, retry_after};
use super::request::{Outgoing, build, check_task_id};
use super::result::immediate;
use super::service::{Answer, Call, Fault, FaultKind, FileBody, Progress, Refusal, Service};
use super::transport::{HttpMethod, HttpRequest, HttpResponse, Transport};
use super::wire;

/// How many redirects are followed on the way to a result file.
const MAX_REDIRECTS: u32 = 3;

/// A provider behind an HTTP API.
pub struct Client {
    catalog: Arc<Catalog>,
    origin: Origin,
    transport: Arc<dyn Transport>,
    timeout: Duration,
}

impl Client {
    /// Makes a client of the API at `base_url`; an empty one means the simulator in-process.
    ///
    /// `timeout` is how long the head of an answer may take, and then again a JSON body.
    ///
    /// # Errors
    /// [`AddressError`] when `base_url` is no origin that money may be sent to.
    pub fn new(
        catalog: Arc<Catalog>,
        base_url: &str,
        transport: Arc<dyn Transport>,
        timeout: Duration,
    ) -> Result<Self, AddressError> {
        Ok(Self {
            catalog,
            origin: Origin::parse(base_url)?,
            transport,
            timeout,
        })
    }

    async fn exchange(&self, outgoing: Outgoing) -> Result<Reply, Fault> {
        let body = outgoing
            .body
            .map(|fields| Value::Object(fields).to_string());
        let request = HttpRequest {
            method: outgoing.method,
            url: outgoing.url,
            with_key: true,
            body: body.map(String::into_bytes),
            range_from: None,
            timeout: self.timeout,
        };
        let response = self.transport.send(request).await?;
        Ok(Reply::read(response, self.transport.as_ref(), self.timeout).await)
    }

    async fn get(&self, segments: &[&str]) -> Result<Reply, Fault> {
        let outgoing = Outgoing {
            method: HttpMethod::Get,
            url: self.origin.join(segments.iter().copied()).into(),
            body: None,
        };
        self.exchange(outgoing).await
    }

    async fn read_balance(&self) -> Result<Balance, Fault> {
        let reply = self.get(&["api", "v1", "get-credits"]).await?;
        balance(&reply).ok_or_else(|| judge(&reply, Errand::Read))
    }

    async fn send_call(&self, call: &Call) -> Result<Answer, Fault> {
        let operation = self.operation(call.operation)?;
        let outgoing = build(operation, &call.inputs, &self.origin)
            .map_err(|error| invalid(format!("`{}`: {error}", operation.name)))?;
        if let Kind::Status(shape) = operation.kind {
            return self.read_status(operation, shape, call, outgoing).await;
        }
        let reply = self.exchange(outgoing).await?;
        accepted(operation, &reply).ok_or_else(|| judge(&reply, Errand::Submit))
    }

    /// Reads a task for an operation whose purpose that is: how it stands is the result, good or bad.
    async fn read_status(
        &self,
        operation: &Operation,
        shape: PollShape,
        call: &Call,
        outgoing: Outgoing,
    ) -> Result<Answer, Fault> {
        let of_task = |param: &&Param| param.kind == ParamType::Task;
        let input = operation.params.iter().find(of_task);
        let id = input.and_then(|param| call.inputs.get(&param.name)?.as_str());
        let task = TaskId::new(id.unwrap_or_default());
        let reply = self.exchange(outgoing).await?;
        Ok(match progress::read(operation, shape, &task, &reply)? {
            Progress::Pending => Answer::NotReady,
            Progress::Done(result) => Answer::Done(JobResult {
                // The operation that made the files downloads them.
                downloads: Vec::new(),
                ..result
            }),
            Progress::Failed { message, refunded } => Answer::Done(JobResult {
                fields: json!({
                    "task_id": task.as_str(),
                    "failed": true,
                    "error": message,
                    "refunded": refunded,
                }),
                ..JobResult::default()
            }),
        })
    }

    async fn read_progress(
        &self,
        operation: OperationId,
        task: &TaskId,
    ) -> Result<Progress, Fault> {
        let operation = self.operation(operation)?;
        check_task_id(task.as_str()).map_err(|error| invalid(error.to_string()))?;
        let shape = shape(operation);
        let family = match shape {
            PollShape::Sonic => "sonic",
            PollShape::Producer => "producer",
            PollShape::Nuro => "nuro",
        };
        let reply = self
            .get(&["api", "v1", family, "task", task.as_str()])
            .await?;
        progress::read(operation, shape, task, &reply)
    }

    async fn open_file(&self, url: &str, from: u64) -> Result<FileBody, Fault> {
        let mut url = check_file_url(url, &self.origin)?;
        for _ in 0..=MAX_REDIRECTS {
            let request = HttpRequest {
                method: HttpMethod::Get,
                url: url.to_string(),
                with_key: false,
                body: None,
                range_from: (from > 0).then_some(from),
                timeout: self.timeout,
            };
            let response = self.transport.send(request).await?;
            match response.status {
                200 | 206 => return file_body(response, &url, from),
                301 | 302 | 303 | 307 | 308 => url = self.next_hop(&url, &response)?,
                _ => return Err(file_fault(&response, &url)),
            }
        }
        Err(invalid(format!(
            "the file is behind more than {MAX_REDIRECTS} redirects, the last at `{}`",
            host_name(&url)
        )))
    }

    /// Finds where a redirect leads, and holds it to the same rule as the first address.
    fn next_hop(&self, url: &Url, response: &HttpResponse) -> Result<Url, Fault> {
        let target = response
            .location
            .as_deref()
            .ok_or_else(|| invalid(format!("`{}` redirects to no address", host_name(url))))?;
        let target = url
            .join(target)
            .map_err(|error| AddressError::Malformed(error.to_string()))?;
        Ok(check_file_url(target.as_str(), &self.origin)?)
    }

    fn operation(&self, id: OperationId) -> Result<&Operation, Fault> {
        self.catalog
            .operations
            .get(usize::from(id.0))
            .ok_or_else(|| invalid(format!("operation {} is not in the catalog", id.0)))
    }

    /// Strikes the key out of what goes on to logs, ledger and terminal.
    fn clean(&self, fault: Fault) -> Fault {
        Fault {
            message: self.transport.redact(&fault.message),
            ..fault
        }
    }
}

impl Service for Client {
    fn balance(&self) -> BoxFuture<'_, Result<Balance, Fault>> {
        async move { self.read_balance().await.map_err(|fault| self.clean(fault)) }.boxed()
    }

    fn submit<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Answer, Fault>> {
        async move {
            self.send_call(call)
                .await
                .map_err(|fault| self.clean(fault))
        }
        .boxed()
    }

    fn poll<'a>(
        &'a self,
        operation: OperationId,
        task: &'a TaskId,
    ) -> BoxFuture<'a, Result<Progress, Fault>> {
        async move {
            let progress = self.read_progress(operation, task).await;
            progress.map_err(|fault| self.clean(fault))
        }
        .boxed()
    }

    fn download<'a>(&'a self, url: &'a str, from: u64) -> BoxFuture<'a, Result<FileBody, Fault>> {
        async move {
            let file = self.open_file(url, from).await;
            file.map_err(|fault| self.clean(fault))
        }
        .boxed()
    }
}

/// Reads what a submit was answered with; nothing when that is for [`judge`] to say.
fn accepted(operation: &Operation, reply: &Reply) -> Option<Answer> {
    let body = reply.object().filter(|_| reply.is_success())?;
    let answer: wire::TaskAccepted = serde_json::from_value(body.clone()).ok()?;
    let task = answer.task_id.filter(|id| !id.is_empty());
    if is_error_code(answer.code) {
        return None;
    }
    if operation.kind != Kind::Sync {
        return task.map(|id| Answer::Task(TaskId::new(id)));
    }
    let not_ready = reply.status == 202 || answer.code == Some(202);
    let says_so = reply.error().kind.as_deref() == Some("not_ready");
    // Only a download is known to be free until it is done: anything else is not asked for again.
    if (says_so || not_ready) && operation.result == ResultKind::Files {
        return Some(Answer::NotReady);
    }
    match immediate(operation, body) {
        Some(result) => Some(Answer::Done(result)),
        // `sonic/upload` becomes a task when a callback is asked for.
        None => task.map(|id| Answer::Task(TaskId::new(id))),
    }
}

/// Returns how an operation's tasks are polled; one without tasks of its own, by its family.
fn shape(operation: &Operation) -> PollShape {
    match (operation.kind, operation.family) {
        (Kind::Task(shape) | Kind::Status(shape), _) => shape,
        (Kind::Sync, Family::Suno | Family::Lyrics) => PollShape::Sonic,
        (Kind::Sync, Family::Producer) => PollShape::Producer,
        (Kind::Sync, Family::Nuro) => PollShape::Nuro,
    }
}

fn balance(reply: &Reply) -> Option<Balance> {
    let body = reply.object().filter(|_| reply.is_success())?;
    let answer: wire::Credits = serde_json::from_value(body.clone()).ok()?;
    let pool = |credits: i64| Some(Credits::new(u64::try_from(credits).ok()?));
    Some(Balance {
        credits: pool(answer.credits?)?,
        // Purchased credits that are not mentioned can't be counted on.
        extra_credits: pool(answer.extra_credits.unwrap_or(0))?,
    })
}

fn file_body(response: HttpResponse, url: &Url, from: u64) -> Result<FileBody, Fault> {
    let is_rest = |header: &str| is_rest(header, from);
    if response.status == 206 && !response.content_range.as_deref().is_some_and(is_rest) {
        return Err(invalid(format!(
            "`{}` sends another range of the file than byte {from} on",
            host_name(url)
        )));
    }
    Ok(FileBody {
        status: response.status,
        content_type: response.content_type,
        content_length: response.content_length,
        body: response
            .body
            .map(|chunk| chunk.map_err(Fault::from))
            .boxed(),
    })
}

/// Tells whether `bytes 100-199/200` is the file from a byte on, to its end as far as that is known.
fn is_rest(header: &str, from: u64) -> bool {
    let read = || {
        let range = header.trim().strip_prefix("bytes")?.trim_start();
        let (span, total) = range.split_once('/')?;
        let (start, end) = span.split_once('-')?;
        let start: u64 = start.parse().ok()?;
        let end: u64 = end.parse().ok()?;
        let reaches_end = total == "*" || total.parse().ok() == end.checked_add(1);
        Some(start == from && reaches_end)
    };
    read().unwrap_or(false)
}

/// Judges a file server's refusal: it is no word of the provider about key, content or credits.
fn file_fault(response: &HttpResponse, url: &Url) -> Fault {
    let kind = match response.status {
        // Stores answer 403 for an address whose signature has run out.
        401 | 403 | 404 | 410 => FaultKind::Refused(Refusal::NotFound),
        429 => FaultKind::Refused(Refusal::Rate),
        400..=499 => FaultKind::Refused(Refusal::Invalid),
        _ => FaultKind::Unknown,
    };
    Fault {
        kind,
        status: Some(response.status),
        message: format!(
            "`{}` answers {} for the file",
            host_name(url),
            response.status
        ),
        retry_after: retry_after(response),
    }
}

#[cfg(test)]
mod tests;
