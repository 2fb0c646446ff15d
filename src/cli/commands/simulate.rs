//! `setlist simulate`: the provider simulated behind a socket on loopback, for clients of any kind.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use clap::builder::BoolishValueParser;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::sim::{SimOptions, Simulator, Start, deliver_webhooks, serve};

use super::super::context::Context;
use super::super::error::{CommandError, ErrorKind};
use super::super::exit::{self, Exit};
use super::super::session::Signals;

/// Flags of `simulate`: where it listens, and each setting of `[provider.simulator]`.
#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    /// Address to listen on; loopback only, port 0 takes a free one
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "SETLIST_SIM_LISTEN",
        hide_env = true,
        default_value = "127.0.0.1:8788"
    )]
    listen: SocketAddr,

    /// File that keeps the account from one start to the next
    #[arg(long, value_name = "FILE", env = "SETLIST_SIM_STATE", hide_env = true)]
    state: Option<PathBuf>,

    /// Subscription credits at the start [default: 1000]
    #[arg(long, value_name = "N", env = "SETLIST_SIM_CREDITS", hide_env = true)]
    credits: Option<u64>,

    /// Purchased credits at the start; spent first [default: 0]
    #[arg(
        long,
        value_name = "N",
        env = "SETLIST_SIM_EXTRA_CREDITS",
        hide_env = true
    )]
    extra_credits: Option<u64>,

    /// Price list that is charged [default: guide]
    #[arg(long, value_name = "LIST", env = "SETLIST_SIM_CHARGE", hide_env = true)]
    charge: Option<String>,

    /// Which years' API: 2025 or 2026 [default: 2025]
    #[arg(long, value_name = "YEAR", env = "SETLIST_SIM_ERA", hide_env = true)]
    era: Option<String>,

    /// How long a task takes, give or take a fifth [default: by family]
    #[arg(
        long,
        value_name = "SPAN",
        env = "SETLIST_SIM_TASK_TIME",
        hide_env = true
    )]
    task_time: Option<String>,

    /// Submits let through per span; the next gets 429; `off` for no limit [default: 20/1m]
    #[arg(long, value_name = "N/SPAN", env = "SETLIST_SIM_RATE", hide_env = true)]
    rate: Option<String>,

    /// Say in a 429 how long to wait
    #[arg(long, env = "SETLIST_SIM_RETRY_AFTER", hide_env = true, value_parser = BoolishValueParser::new())]
    retry_after: bool,

    /// Tasks in flight let through; the next gets 429 [default: no limit]
    #[arg(
        long,
        value_name = "N",
        env = "SETLIST_SIM_CONCURRENCY",
        hide_env = true
    )]
    concurrency: Option<u32>,

    /// Share of tasks that fail, from 0 to 1 [default: 0]
    #[arg(
        long,
        value_name = "SHARE",
        env = "SETLIST_SIM_FAILURE_RATE",
        hide_env = true
    )]
    failure_rate: Option<f64>,

    /// Do not refund tasks that fail
    #[arg(long, env = "SETLIST_SIM_NO_REFUNDS", hide_env = true, value_parser = BoolishValueParser::new())]
    no_refunds: bool,

    /// Decides ids, failures and audio [default: 0]
    #[arg(long, value_name = "N", env = "SETLIST_SIM_SEED", hide_env = true)]
    seed: Option<u64>,

    /// How many times as fast as real time [default: 1]
    #[arg(
        long,
        value_name = "FACTOR",
        env = "SETLIST_SIM_SPEED",
        hide_env = true
    )]
    speed: Option<f64>,

    /// Longest audio made, in seconds [default: 30]
    #[arg(
        long,
        value_name = "SECONDS",
        env = "SETLIST_SIM_AUDIO_SECONDS",
        hide_env = true
    )]
    audio_seconds: Option<u32>,

    /// The only key accepted; a password of a toy, not a secret [default: any key]
    #[arg(long, value_name = "KEY", env = "SETLIST_SIM_KEY", hide_env = true)]
    key: Option<String>,

    /// How too few credits are refused: family, 402 or 403 [default: family]
    #[arg(
        long,
        value_name = "HOW",
        env = "SETLIST_SIM_CREDIT_REFUSAL",
        hide_env = true
    )]
    credit_refusal: Option<String>,

    /// Name models in the older spelling, `chirp-…`
    #[arg(long, env = "SETLIST_SIM_CHIRP_NAMES", hide_env = true, value_parser = BoolishValueParser::new())]
    chirp_names: bool,

    /// What goes wrong and when, such as `429@3-6`, `reset-after@2` or `silent@1`; can be given more than once
    #[arg(
        long,
        value_name = "FAULT",
        env = "SETLIST_SIM_FAULTS",
        hide_env = true,
        value_delimiter = ','
    )]
    faults: Vec<String>,

    /// Where webhooks go: loopback, any or off [default: loopback]
    #[arg(
        long,
        value_name = "WHERE",
        env = "SETLIST_SIM_WEBHOOKS",
        hide_env = true
    )]
    webhooks: Option<String>,

    /// What of a webhook is signed: timestamped, or body as in 2025 [default: timestamped]
    #[arg(
        long,
        value_name = "WHAT",
        env = "SETLIST_SIM_WEBHOOK_SIGNATURE",
        hide_env = true
    )]
    webhook_signature: Option<String>,
}

impl SimulateArgs {
    /// Returns the settings as a manifest's `[provider.simulator]` would hold them.
    fn settings(&self) -> Map<String, Value> {
        let given = [
            ("credits", self.credits.map(Value::from)),
            ("extra_credits", self.extra_credits.map(Value::from)),
            ("charge", self.charge.clone().map(Value::from)),
            ("era", self.era.clone().map(Value::from)),
            ("task_time", self.task_time.clone().map(Value::from)),
            ("rate", self.rate.clone().map(Value::from)),
            ("retry_after", self.retry_after.then_some(json!(true))),
            ("concurrency", self.concurrency.map(Value::from)),
            ("failure_rate", self.failure_rate.map(Value::from)),
            ("refunds", self.no_refunds.then_some(json!(false))),
            ("seed", self.seed.map(Value::from)),
            ("speed", self.speed.map(Value::from)),
            ("audio_seconds", self.audio_seconds.map(Value::from)),
            ("key", self.key.clone().map(Value::from)),
            (
                "credit_refusal",
                self.credit_refusal.clone().map(Value::from),
            ),
            ("chirp_names", self.chirp_names.then_some(json!(true))),
            (
                "faults",
                (!self.faults.is_empty()).then(|| json!(self.faults)),
            ),
            ("webhooks", self.webhooks.clone().map(Value::from)),
            (
                "webhook_signature",
                self.webhook_signature.clone().map(Value::from),
            ),
        ];
        given
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
    }
}

/// Serves until a signal comes.
pub(crate) fn run(args: &SimulateArgs, context: &Context) -> Result<Exit, CommandError> {
    let options = SimOptions::from_settings(&args.settings()).map_err(CommandError::usage)?;
    let runtime = context.runtime()?;
    runtime.block_on(async {
        let clock = context.clock(context.now(), options.speed);
        let simulator = match &args.state {
            Some(file) => Simulator::open(options, clock, file, Start::NewRun)?,
            None => Simulator::new(options, clock)?,
        };
        let simulator = simulator.serving(Arc::clone(context.catalog()?));
        let listener = TcpListener::bind(args.listen).await.map_err(|error| {
            CommandError::new(ErrorKind::Storage, error)
                .context(format!("the simulator can't listen on `{}`", args.listen))
        })?;
        let signals = Signals::listen()?;
        announce(&listener, args, context)?;
        let shutdown = CancellationToken::new();
        let simulator = Arc::new(simulator);
        // Ends with the runtime: what is not told by then is not told.
        drop(tokio::spawn(deliver_webhooks(Arc::clone(&simulator))));
        let serving = serve(simulator, listener, shutdown.clone());
        tokio::pin!(serving);
        tokio::select! {
            outcome = &mut serving => outcome?,
            () = signals.wait() => {
                shutdown.cancel();
                // A client that keeps its connection open must not keep the simulator alive.
                drop(tokio::time::timeout(GRACE, serving).await);
            }
        }
        Ok(Exit(exit::DONE))
    })
}

/// How long open answers may take once a signal came.
const GRACE: std::time::Duration = std::time::Duration::from_secs(2);

/// Says where it listens and how to point setlist at it.
fn announce(
    listener: &TcpListener,
    args: &SimulateArgs,
    context: &Context,
) -> Result<(), CommandError> {
    let address = listener.local_addr().map_err(|error| {
        CommandError::new(ErrorKind::Storage, error).context("the socket has no address")
    })?;
    let url = format!("http://{address}");
    let mut environment = Map::new();
    environment.insert("SETLIST_PROVIDER".to_owned(), json!("simulator"));
    environment.insert("SETLIST_BASE_URL".to_owned(), json!(url));
    if let Some(key) = &args.key {
        environment.insert("SETLIST_SIMULATOR_KEY".to_owned(), json!(key));
    }
    if context.ui.json() {
        return context
            .ui
            .json_result(&json!({ "url": url, "environment": environment }));
    }
    let assignments: Vec<_> = environment
        .iter()
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
        .collect();
    context.ui.result(&format!(
        "simulator at {url}; stop it with Ctrl-C\n{} setlist run MANIFEST\n",
        assignments.join(" ")
    ))
}
