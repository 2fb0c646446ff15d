//! The real client against the simulator: every operation of the catalog, in either era's shapes.

use super::*;
use crate::api::{Answer, Call, Client, Fault, FaultKind, Progress, Refusal, Service};
use crate::catalog::{Catalog, Kind};
use crate::model::JobResult;

struct Both {
    bench: Bench,
    client: Client,
}

impl Both {
    fn new(settings: Value) -> Self {
        let bench = Bench::quick(settings);
        let transport = Arc::new(InProcess::new(Arc::clone(&bench.sim)));
        let catalog = Arc::clone(Catalog::builtin());
        let client = Client::new(catalog, "", transport, Duration::from_secs(60)).unwrap();
        Self { bench, client }
    }

    async fn submit(&self, operation: &str, inputs: Value) -> Result<Answer, Fault> {
        let Value::Object(inputs) = inputs else {
            panic!("inputs are an object")
        };
        let operation = Catalog::builtin().find(operation).unwrap();
        self.client.submit(&Call { operation, inputs }).await
    }

    /// Buys an operation and follows it to its result; the bench must be a quick one.
    async fn buy(&self, operation: &str, inputs: Value) -> JobResult {
        match self
            .submit(operation, inputs.clone())
            .await
            .unwrap_or_else(|f| panic!("{operation}: {f}"))
        {
            Answer::Done(result) => result,
            Answer::NotReady => match self.submit(operation, inputs).await.unwrap() {
                Answer::Done(result) => result,
                other => panic!("{operation}: {other:?}"),
            },
            Answer::Task(task) => {
                let id = Catalog::builtin().find(operation).unwrap();
                match self.client.poll(id, &task).await.unwrap() {
                    Progress::Done(result) => result,
                    other => panic!("{operation}: {other:?}"),
                }
            }
        }
    }
}

async fn every_operation(era: &str) {
    let both = Both::new(json!({"era": era, "credits": 10_000, "charge": "aimusicapi-2026-09"}));
    let song = json!({"lyrics": "la la", "title": "Night", "tags": "pop"});
    let made = both.buy("suno.create", song.clone()).await;
    assert_eq!((made.clip_ids.len(), made.downloads.len()), (2, 2));
    let clip = made.clip_ids[0].clone();
    let upload = both
        .buy("suno.upload", json!({"url": "https://box.example/a.mp3"}))
        .await;
    let upload = upload.clip_ids[0].clone();
    let extended = both
        .buy("suno.extend", with(&song, json!({"clip": clip, "at": 4})))
        .await;
    let part = extended.clip_ids[0].clone();
    let producer = both
        .buy("producer.create", json!({"description": "brass"}))
        .await;
    let producer = producer.clip_ids[0].clone();
    let persona = both
        .buy(
            "suno.create-voice",
            json!({"url": "https://box.example/v.wav"}),
        )
        .await;
    let persona = persona.fields["persona_id"].clone();
    let url = "https://box.example/b.mp3";
    let on = |more: Value| with(&json!({"clip": clip}), more);
    let lyrics = "la la la ".repeat(40);
    let mut requests = vec![
        ("suno.concat", json!({"clip": part})),
        ("suno.cover", with(&song, on(json!({})))),
        ("suno.stems-basic", on(json!({}))),
        ("suno.stems-full", on(json!({}))),
        (
            "suno.persona-music",
            with(&song, json!({"persona": persona})),
        ),
        ("suno.wav", on(json!({}))),
        ("suno.midi", on(json!({}))),
        ("lyrics.generate", json!({"description": "rain"})),
        ("suno.remaster", on(json!({"variation": "subtle"}))),
        ("suno.add-vocals", json!({"clip": upload, "lyrics": "la"})),
        ("suno.add-instrumental", json!({"clip": upload})),
        (
            "suno.sample",
            with(&song, on(json!({"start": 1, "end": 3}))),
        ),
        ("suno.mashup", with(&song, json!({"clips": [clip, upload]}))),
        (
            "suno.replace-section",
            on(json!({"start": 1, "end": 3, "lyrics": "new", "full_lyrics": "all"})),
        ),
        (
            "suno.upload-extend",
            with(&song, json!({"url": url, "at": 3})),
        ),
        ("suno.upload-cover", with(&song, json!({"url": url}))),
        ("suno.download", on(json!({"formats": ["mp3", "wav"]}))),
        ("suno.bpm", on(json!({}))),
        ("suno.vox", on(json!({"start": 1, "end": 3}))),
        ("suno.aligned-lyrics", on(json!({}))),
        ("suno.upsample-tags", json!({"tags": "pop"})),
        ("producer.upload", json!({"url": url})),
        (
            "producer.download",
            json!({"clip": producer, "format": "mp3"}),
        ),
        ("producer.lyrics", json!({"description": "rain"})),
        ("producer.video", json!({"clip": producer})),
    ];
    if era == "2025" {
        requests.extend([
            ("suno.persona", on(json!({"name": "Ada"}))),
            ("producer.extend", json!({"clip": producer, "at": 4})),
            (
                "producer.cover",
                json!({"clip": producer, "description": "x"}),
            ),
            (
                "producer.replace",
                json!({"clip": producer, "start": 1, "end": 3}),
            ),
            ("producer.variation", json!({"clip": producer})),
            (
                "producer.swap-vocals",
                json!({"clip": producer, "lyrics": "x"}),
            ),
            (
                "producer.swap-instrumental",
                json!({"clip": producer, "description": "x"}),
            ),
            (
                "nuro.vocal",
                json!({"lyrics": lyrics, "vocal_gender": "female"}),
            ),
            (
                "nuro.instrumental",
                json!({"description": "calm", "duration": 20}),
            ),
        ]);
    }
    for (operation, inputs) in requests {
        let result = both.buy(operation, inputs).await;
        let id = Catalog::builtin().find(operation).unwrap();
        let promised = Catalog::builtin().get(id);
        let clips = result
            .fields
            .get("clips")
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        if matches!(promised.kind, Kind::Task(_)) && promised.clips > 0 {
            assert_eq!(
                clips,
                usize::try_from(promised.clips).unwrap(),
                "{operation}"
            );
        }
        for download in &result.downloads {
            both.bench.file(&download.url);
        }
    }
    books_close(&both.bench.sim);
}

#[tokio::test]
async fn the_client_understands_every_answer_of_2025() {
    every_operation("2025").await;
}

#[tokio::test]
async fn the_client_understands_every_answer_of_2026() {
    every_operation("2026").await;
}

#[tokio::test]
async fn the_client_judges_every_fault_by_whether_it_was_charged() {
    let refused = |refusal| FaultKind::Refused(refusal);
    for (fault, kind) in [
        ("401@1", refused(Refusal::Key)),
        ("402@1", refused(Refusal::Credits)),
        ("403-credits@1", refused(Refusal::Credits)),
        ("403-subscription@1", refused(Refusal::Subscription)),
        ("moderation@1", refused(Refusal::Moderation)),
        ("429@1", refused(Refusal::Rate)),
        ("reset-after@1", FaultKind::Unknown),
        ("reset-before@1", FaultKind::Unknown),
        ("500-after@1", FaultKind::Unknown),
        ("503-after@1", FaultKind::Unknown),
        ("truncate@1", FaultKind::Unknown),
        ("html@1", FaultKind::Unknown),
        ("empty@1", FaultKind::Unknown),
        ("huge@1", FaultKind::Unknown),
        ("slow@1:90s", FaultKind::Unknown),
    ] {
        let both = Both::new(json!({"faults": [fault]}));
        let inputs = json!({"lyrics": "la", "title": "Night"});
        let found = both.submit("suno.create", inputs).await.unwrap_err();
        assert_eq!(found.kind, kind, "{fault}: {found}");
        let charged = 1000 - both.bench.balance().0;
        assert!(charged == 0 || kind == FaultKind::Unknown, "{fault}");
    }
}
