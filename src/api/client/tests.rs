//! The client over a transport that answers from a script and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::Mutex;

use bytes::Bytes;
use futures::stream;
use serde_json::Map;

use super::*;
use crate::api::transport::TransportError;

const KEY: &str = "sk_live_verysecret";
const WAIT: Duration = Duration::from_secs(60);

type Scripted = Result<HttpResponse, TransportError>;

#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<Scripted>>,
    asked: Mutex<Vec<HttpRequest>>,
}

impl Transport for Script {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Scripted> {
        self.asked.lock().unwrap().push(request);
        let answer = self.answers.lock().unwrap().pop_front().unwrap();
        async move { answer }.boxed()
    }

    fn redact(&self, text: &str) -> String {
        text.replace(KEY, "[key]")
    }
}

struct Bench {
    script: Arc<Script>,
    client: Client,
}

impl Bench {
    fn new(answers: impl IntoIterator<Item = Scripted>) -> Self {
        let script = Arc::new(Script {
            answers: Mutex::new(answers.into_iter().collect()),
            ..Script::default()
        });
        let catalog = Arc::clone(Catalog::builtin());
        let base_url = "https://api.example";
        let client = Client::new(catalog, base_url, script.clone(), WAIT).unwrap();
        Self { script, client }
    }

    fn json(status: u16, body: Value) -> Self {
        Self::new([Ok(HttpResponse::json(status, body.to_string()))])
    }

    async fn submit(&self, operation: &str, inputs: Value) -> Result<Answer, Fault> {
        let call = call(operation, inputs);
        self.client.submit(&call).await
    }

    async fn poll(&self, operation: &str) -> Result<Progress, Fault> {
        let operation = Catalog::builtin().find(operation).unwrap();
        self.client.poll(operation, &TaskId::new("t-1")).await
    }

    fn asked(&self) -> Vec<HttpRequest> {
        self.script.asked.lock().unwrap().clone()
    }
}

fn call(operation: &str, inputs: Value) -> Call {
    let Value::Object(inputs) = inputs else {
        panic!("inputs are an object")
    };
    Call {
        operation: Catalog::builtin().find(operation).unwrap(),
        inputs,
    }
}

fn broken_after(text: &'static str) -> HttpResponse {
    let mut response = HttpResponse::json(200, "");
    response.body = stream::iter([
        Ok(Bytes::from_static(text.as_bytes())),
        Err(TransportError::Lost("reset".to_owned())),
    ])
    .boxed();
    response
}

fn song() -> Value {
    json!({"lyrics": "la la", "model": "sonic-v4", "tags": "folk"})
}

#[tokio::test]
async fn a_submit_sends_the_apis_words_once_with_the_key() {
    let bench = Bench::json(200, json!({"message": "success", "task_id": "t-9"}));
    let mut inputs = song();
    inputs["vocal_gender"] = json!("female");
    inputs["extra"] = json!({"webhook_url": "https://me.example/hook"});
    let answer = bench.submit("suno.create", inputs).await;
    assert_eq!(answer, Ok(Answer::Task(TaskId::new("t-9"))));
    let [request] = &bench.asked()[..] else {
        panic!("one request")
    };
    assert_eq!(request.method, HttpMethod::Post);
    assert_eq!(request.url, "https://api.example/api/v1/sonic/create");
    assert!(request.with_key);
    let body: Value = serde_json::from_slice(request.body.as_ref().unwrap()).unwrap();
    assert_eq!(
        body,
        json!({
            "task_type": "create_music", "use_suno_cdn": false, "mv": "sonic-v4", "custom_mode": true,
            "prompt": "la la", "tags": "folk", "vocal_gender": "f", "webhook_url": "https://me.example/hook",
        })
    );
}

#[tokio::test]
async fn a_transport_fault_says_whether_anything_left() {
    for (error, kind) in [
        (
            TransportError::NotSent("refused".to_owned()),
            FaultKind::NotSent,
        ),
        (TransportError::Lost("reset".to_owned()), FaultKind::Unknown),
    ] {
        let bench = Bench::new([Err(error)]);
        let fault = bench.submit("suno.create", song()).await.unwrap_err();
        assert_eq!((fault.kind, fault.status), (kind, None));
        assert_eq!(bench.asked().len(), 1);
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_after_a_submit_is_in_doubt() {
    let html = HttpResponse::json(200, "<!doctype html><title>Sign in</title>");
    let mut redirect = HttpResponse::json(302, "");
    redirect.location = Some("https://login.example/?next=secret".to_owned());
    let big = HttpResponse::json(200, vec![b' '; crate::api::reply::MAX_JSON_BYTES + 1]);
    for (response, words) in [
        (html, "HTML"),
        (redirect, "redirect to `login.example`"),
        (big, "more than"),
        (HttpResponse::json(200, ""), "empty"),
        (
            HttpResponse::json(200, r#"{"message":"success","task_"#),
            "not JSON",
        ),
        (HttpResponse::json(200, "[1]"), "without the task"),
        (
            HttpResponse::json(200, r#"{"message":"success"}"#),
            "without the task",
        ),
        (
            HttpResponse::json(200, r#"{"task_id":""}"#),
            "without the task",
        ),
        (broken_after(r#"{"task_id":"t"}"#), "reset"),
    ] {
        let bench = Bench::new([Ok(response)]);
        let fault = bench.submit("suno.create", song()).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Unknown, "{words}");
        assert!(fault.message.contains(words), "{}", fault.message);
        assert!(!fault.message.contains("secret"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_drips_for_ever_is_given_up() {
    let mut response = HttpResponse::json(200, "");
    let drip = stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Some((Ok(Bytes::from_static(b" ")), ()))
    });
    response.body = drip.boxed();
    let bench = Bench::new([Ok(response)]);
    let started = tokio::time::Instant::now();
    let fault = bench.submit("suno.create", song()).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unknown);
    assert_eq!(started.elapsed(), WAIT);
}

#[tokio::test]
async fn a_bad_input_is_refused_before_anything_is_sent() {
    let with = |name: &str, value: Value| {
        let mut inputs = song();
        inputs[name] = value;
        inputs
    };
    for (operation, inputs) in [
        ("suno.create", with("colour", json!("blue"))),
        ("suno.create", with("model", json!("sonic-v99"))),
        ("suno.create", with("lyrics", json!(7))),
        (
            "suno.create",
            with("extra", json!({"task_type": "concat_music"})),
        ),
        ("suno.create", with("extra", json!("x"))),
        ("suno.create", with("extra", json!({"mv": "sonic-v6"}))),
        ("suno.create", with("extra", json!({"custom_mode": false}))),
        ("suno.create", with("extra", json!({"prompt": "la"}))),
        (
            "suno.status",
            json!({"task": "t", "extra": {"task_id": "u"}}),
        ),
        (
            "nuro.vocal",
            json!({"lyrics": "la", "extra": {"type": "bgm"}}),
        ),
        ("suno.wav", json!({})),
        ("suno.wav", json!({"clip": null})),
        ("suno.wav", json!({"clip": ""})),
        ("suno.wav", json!({"clip": ["a"]})),
        ("suno.status", json!({"task": "../get-credits"})),
        ("suno.status", json!({"task": "a?b"})),
        ("suno.status", json!({"task": "a\nb"})),
        ("suno.status", json!({"task": ".."})),
        ("suno.status", json!({"task": "t", "extra": {"x": 1}})),
    ] {
        let bench = Bench::new([]);
        let fault = bench.submit(operation, inputs.clone()).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Refused(Refusal::Invalid), "{inputs}");
        assert_eq!(bench.asked().len(), 0, "{inputs}");
    }
}

#[tokio::test]
async fn synchronous_operations_give_their_result_at_once() {
    let files = json!({"data": {"files": [{"format": "mp3", "url": "https://c.example/1"}]}});
    let lyrics = json!({"code": 200, "results": [{"title": "T", "lyrics": "L"}, {"title": "U", "lyrics": null}]});
    let midi = json!({"data": {"midi_url": "https://c.example/m", "instruments": [{"name": "P", "notes": []}]}});
    let table = [
        (
            "suno.wav",
            json!({"data": {"wav_url": "https://c.example/w"}}),
            json!({"wav_url": "https://c.example/w"}),
            1,
        ),
        ("suno.download", files.clone(), files["data"].clone(), 1),
        ("suno.midi", midi.clone(), midi["data"].clone(), 1),
        (
            "suno.persona",
            json!({"persona_id": "p", "message": "success"}),
            json!({"persona_id": "p"}),
            0,
        ),
        (
            "suno.upload",
            json!({"code": 200, "clip_id": "c"}),
            json!({"clip_id": "c", "clips": [{"clip_id": "c"}]}),
            0,
        ),
        (
            "lyrics.generate",
            lyrics,
            json!({"results": [{"title": "T", "lyrics": "L"}]}),
            0,
        ),
        (
            "suno.bpm",
            json!({"code": 200, "data": {"avg_bpm": 120.5}}),
            json!({"avg_bpm": 120.5}),
            0,
        ),
    ];
    for (operation, body, fields, downloads) in table {
        let inputs = match operation {
            "lyrics.generate" => json!({"description": "rain"}),
            "suno.upload" => json!({"url": "https://me.example/a.mp3"}),
            "suno.persona" => json!({"clip": "c", "name": "n"}),
            _ => json!({"clip": "c"}),
        };
        let answer = Bench::json(200, body).submit(operation, inputs).await;
        let Ok(Answer::Done(result)) = answer else {
            panic!("{operation}: {answer:?}")
        };
        assert_eq!(result.fields, fields, "{operation}");
        assert_eq!(result.downloads.len(), downloads, "{operation}");
    }
}

#[tokio::test]
async fn a_success_without_what_was_paid_for_is_in_doubt() {
    for (operation, body) in [
        ("suno.wav", json!({"code": 200, "data": {"wav_url": null}})),
        ("suno.wav", json!({"code": 200, "data": null})),
        ("suno.download", json!({"data": {"files": []}})),
        ("suno.bpm", json!({"data": {}})),
        ("suno.midi", json!({"message": "success"})),
    ] {
        let fault = Bench::json(200, body.clone())
            .submit(operation, json!({"clip": "c"}))
            .await
            .unwrap_err();
        assert_eq!(fault.kind, FaultKind::Unknown, "{operation} {body}");
    }
}

#[tokio::test]
async fn only_a_download_may_be_not_ready() {
    let waiting = || json!({"error": "still rendering"});
    let clip = || json!({"clip": "c"});
    let answer = Bench::json(202, waiting())
        .submit("suno.download", clip())
        .await;
    assert_eq!(answer, Ok(Answer::NotReady));
    let fault = Bench::json(202, waiting())
        .submit("suno.wav", clip())
        .await
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unknown);
    // Sent again it might be charged again, up to the last patient attempt.
    let says_so = json!({"type": "not_ready", "error": "wait"});
    let fault = Bench::json(202, says_so)
        .submit("suno.wav", clip())
        .await
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unknown);
    let fault = Bench::json(202, waiting())
        .submit("suno.create", song())
        .await
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unknown);
}

#[tokio::test]
async fn an_upload_with_a_callback_becomes_a_task() {
    let inputs = json!({"url": "https://me.example/a.mp3", "extra": {"callback_url": "https://me.example/h"}});
    let answer = Bench::json(200, json!({"task_id": "t"}))
        .submit("suno.upload", inputs)
        .await;
    assert_eq!(answer, Ok(Answer::Task(TaskId::new("t"))));
}

#[tokio::test]
async fn refusals_carry_the_wait_that_is_asked_for() {
    let mut response = HttpResponse::json(429, r#"{"type":"rate_limited"}"#);
    response.retry_after = Some("7".to_owned());
    let fault = Bench::new([Ok(response)])
        .submit("suno.create", song())
        .await
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::Refused(Refusal::Rate));
    assert_eq!(fault.retry_after, Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn polls_go_to_the_familys_path() {
    for (operation, path) in [
        ("suno.create", "sonic"),
        ("suno.stems-full", "sonic"),
        ("producer.video", "producer"),
        ("nuro.vocal", "nuro"),
        ("suno.upload", "sonic"),
    ] {
        let bench = Bench::json(202, json!({"type": "not_ready"}));
        assert_eq!(bench.poll(operation).await, Ok(Progress::Pending));
        let request = &bench.asked()[0];
        assert_eq!(
            request.url,
            format!("https://api.example/api/v1/{path}/task/t-1")
        );
        assert_eq!(request.method, HttpMethod::Get);
        assert!(request.with_key && request.body.is_none());
    }
}

#[tokio::test]
async fn a_page_that_is_not_found_says_nothing_about_a_task() {
    let page = || Bench::new([Ok(HttpResponse::json(404, "<html>not found</html>"))]);
    let fault = page().poll("suno.create").await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unknown);
    let told = Bench::json(404, json!({"type": "not_found", "error": "no such task"}));
    let fault = told.poll("suno.create").await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Refused(Refusal::NotFound));
}

#[tokio::test]
async fn a_status_operation_reads_and_downloads_nothing() {
    let clip = json!({"clip_id": "c", "state": "succeeded", "audio_url": "https://c.example/a"});
    let bench = Bench::json(200, json!({"data": [clip]}));
    let answer = bench.submit("suno.status", json!({"task": "t-é"})).await;
    let Ok(Answer::Done(result)) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(
        bench.asked()[0].url,
        "https://api.example/api/v1/sonic/task/t-%C3%A9"
    );
    assert_eq!(result.fields["clips"][0]["clip_id"], "c");
    assert_eq!(result.fields["task_id"], "t-é");
    assert!(result.downloads.is_empty());

    let read = |status, body| async move {
        let bench = Bench::json(status, body);
        bench.submit("suno.status", json!({"task": "t"})).await
    };
    assert_eq!(
        read(202, json!({"type": "not_ready"})).await,
        Ok(Answer::NotReady)
    );
    let Ok(Answer::Done(failed)) = read(500, json!({"type": "failed", "error": "bad"})).await
    else {
        panic!("how the task stands is the result")
    };
    assert_eq!(failed.fields["failed"], true);
}

#[tokio::test]
async fn the_balance_is_read_or_refused_never_guessed() {
    let read = |status, body| async move { Bench::json(status, body).client.balance().await };
    assert_eq!(
        read(200, json!({"credits": 50, "extra_credits": 7})).await,
        Ok(Balance {
            credits: Credits::new(50),
            extra_credits: Credits::new(7)
        })
    );
    assert!(read(200, json!({"credits": "50"})).await.is_ok());
    for bad in [
        json!({}),
        json!({"credits": null, "extra_credits": 5}),
        json!({"credits": -1, "extra_credits": 5}),
        json!({"credits": 1.5, "extra_credits": 5}),
        json!({"code": 401, "error": "no"}),
        json!([]),
    ] {
        assert!(read(200, bad.clone()).await.is_err(), "{bad}");
    }
    let fault = read(401, json!({"error": "x"})).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Refused(Refusal::Key));
}

#[tokio::test]
async fn the_key_is_struck_out_of_whatever_comes_back() {
    let echo = json!({"error": format!("invalid token '{KEY}'"), "code": 1});
    for status in [200, 400, 401, 403, 500] {
        let bench = Bench::json(status, echo.clone());
        let fault = bench.submit("suno.create", song()).await.unwrap_err();
        assert!(!format!("{fault:?} {fault}").contains(KEY), "{fault:?}");
        let bench = Bench::json(status, echo.clone());
        let fault = bench.poll("suno.create").await.unwrap_err();
        assert!(!format!("{fault:?}").contains(KEY), "{fault:?}");
    }
    let error = TransportError::Lost(format!("reset by {KEY}"));
    let fault = Bench::new([Err(error)])
        .submit("suno.create", song())
        .await
        .unwrap_err();
    assert!(!format!("{fault:?}").contains(KEY));
    let failed = json!({"type": "failed", "error": format!("bad {KEY}")});
    let progress = Bench::json(500, failed).poll("suno.create").await.unwrap();
    assert!(!format!("{progress:?}").contains(KEY), "{progress:?}");
}

fn moved(to: &str) -> Scripted {
    let mut response = HttpResponse::json(302, "");
    response.location = Some(to.to_owned());
    Ok(response)
}

async fn fetch(bench: &Bench, from: u64) -> Result<(u16, Vec<u8>), Fault> {
    let file = bench
        .client
        .download("https://cdn.example/a.mp3?sig=1", from)
        .await?;
    let mut body = file.body;
    let mut all = Vec::new();
    while let Some(chunk) = body.next().await {
        all.extend_from_slice(&chunk?);
    }
    Ok((file.status, all))
}

#[tokio::test]
async fn files_are_fetched_without_the_key_over_few_checked_redirects() {
    let bench = Bench::new([
        moved("https://two.example/b"),
        moved("/c"),
        Ok(HttpResponse::json(200, "audio")),
    ]);
    assert_eq!(fetch(&bench, 0).await, Ok((200, b"audio".to_vec())));
    let asked = bench.asked();
    let urls: Vec<&str> = asked.iter().map(|request| request.url.as_str()).collect();
    assert_eq!(
        urls,
        [
            "https://cdn.example/a.mp3?sig=1",
            "https://two.example/b",
            "https://two.example/c"
        ]
    );
    assert!(
        asked
            .iter()
            .all(|request| !request.with_key && request.range_from.is_none())
    );

    for bad in [
        "http://cdn.example/a",
        "https://169.254.169.254/",
        "file:///etc/passwd",
        "https://",
    ] {
        let bench = Bench::new([moved(bad)]);
        let fault = fetch(&bench, 0).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Refused(Refusal::Invalid), "{bad}");
        assert_eq!(bench.asked().len(), 1, "{bad}");
    }
    let bench = Bench::new((0..9).map(|_| moved("/again")));
    assert!(fetch(&bench, 0).await.is_err());
    assert_eq!(bench.asked().len(), 4);
}

#[tokio::test]
async fn a_range_that_was_not_asked_for_is_no_part_of_the_file() {
    let ranged = |range: Option<&str>| {
        let mut response = HttpResponse::json(206, "rest");
        response.content_range = range.map(str::to_owned);
        Bench::new([Ok(response)])
    };
    let bench = ranged(Some("bytes 100-103/104"));
    assert_eq!(fetch(&bench, 100).await, Ok((206, b"rest".to_vec())));
    assert_eq!(bench.asked()[0].range_from, Some(100));
    assert!(fetch(&ranged(Some("bytes 0-3/104")), 100).await.is_err());
    assert!(
        fetch(&ranged(Some("bytes 100-102/104")), 100)
            .await
            .is_err()
    );
    assert!(fetch(&ranged(None), 100).await.is_err());
}

#[tokio::test]
async fn a_file_servers_refusal_is_not_the_providers() {
    for (status, kind) in [
        (403, FaultKind::Refused(Refusal::NotFound)),
        (404, FaultKind::Refused(Refusal::NotFound)),
        (416, FaultKind::Refused(Refusal::Invalid)),
        (429, FaultKind::Refused(Refusal::Rate)),
        (503, FaultKind::Unknown),
    ] {
        let fault = fetch(&Bench::json(status, json!({})), 0).await.unwrap_err();
        assert_eq!(fault.kind, kind, "{status}");
        assert!(!fault.message.contains("sig"), "{}", fault.message);
    }
    let bench = Bench::new([]);
    let fault = bench
        .client
        .download("http://127.0.0.1/a", 0)
        .await
        .err()
        .unwrap();
    assert_eq!(fault.kind, FaultKind::Refused(Refusal::Invalid));
}

/// Makes a value that a parameter takes.
fn sample(kind: &ParamType) -> Value {
    match kind {
        ParamType::Text { .. } | ParamType::Clip | ParamType::Task => json!("x"),
        ParamType::Word { allowed } => json!(allowed[0].0),
        ParamType::Integer { .. } | ParamType::Number { .. } => json!(30),
        ParamType::Flag => json!(true),
        ParamType::Url => json!("https://me.example/a"),
        ParamType::TextList { .. } => json!(["a", "b"]),
        ParamType::Objects => json!([{}]),
    }
}

#[test]
fn every_operation_can_be_asked_for_with_its_required_inputs() {
    let catalog = Catalog::builtin();
    for id in catalog.ids() {
        let operation = catalog.get(id);
        let mut inputs = Map::new();
        for param in operation.params.iter().filter(|param| param.required) {
            inputs.insert(param.name.clone(), sample(&param.kind));
        }
        let origin = Origin::parse("https://api.example").unwrap();
        let outgoing = build(operation, &inputs, &origin).unwrap();
        let path = outgoing.url.strip_prefix("https://api.example").unwrap();
        let body = outgoing.body.map_or(Value::Null, Value::Object);
        let (found, _) = catalog
            .match_request(operation.method, path, &body)
            .unwrap();
        assert_eq!(catalog.get(found).name, operation.name);
    }
}

/// What `setlist explain` says is sent besides the inputs is what is sent.
#[test]
fn nothing_is_sent_besides_inputs_defaults_and_what_the_catalog_names() {
    let catalog = Catalog::builtin();
    let origin = Origin::parse("https://api.example").unwrap();
    for operation in &catalog.operations {
        let others = operation.params.iter().map(|param| Some(&param.name));
        for other in std::iter::once(None).chain(others) {
            let is_given = |name: &str| {
                let param = operation.param(name);
                param.is_some_and(|param| param.required) || other.is_some_and(|it| it == name)
            };
            let given = operation.params.iter().filter(|it| is_given(&it.name));
            let inputs = given.clone().map(|it| (it.name.clone(), sample(&it.kind)));
            let outgoing = build(operation, &inputs.collect(), &origin).unwrap();
            let Some(mut body) = outgoing.body else {
                continue;
            };
            for param in given {
                body.remove(&param.field);
            }
            let besides = operation.besides(&is_given);
            let mut told: Map<_, _> = besides.into_iter().map(|it| (it.field, it.value)).collect();
            for param in operation.params.iter().filter(|it| !is_given(&it.name)) {
                if let (Some(default), None) = (&param.default, told.get(&param.field)) {
                    told.insert(param.field.clone(), default.clone());
                }
            }
            assert_eq!(
                Value::Object(body),
                Value::Object(told),
                "{} {other:?}",
                operation.name
            );
        }
    }
}
