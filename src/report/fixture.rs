//! A run and its jobs, made by hand.

use std::time::Duration;

use serde_json::json;

use crate::model::{
    AccountId, Credits, Download, Family, Fingerprint, JobId, JobRecord, JobResult, JobState,
    ManifestOptions, NewJob, Ordinal, Rate, Reuse, RunId, RunRecord, RunSettings, RunState,
    RunTotals, SpendLimits, StopRules, TaskId,
};

pub(super) fn credits(number: u64) -> Credits {
    Credits::new(number)
}

pub(super) fn run(state: RunState) -> RunRecord {
    RunRecord {
        id: RunId::new("r7"),
        manifest: "midnight-drive".to_owned(),
        manifest_path: "album.toml".to_owned(),
        manifest_digest: "d1935".to_owned(),
        account: AccountId::new("simulator"),
        price_list: "guide".to_owned(),
        settings: RunSettings {
            provider: "simulator".to_owned(),
            base_url: String::new(),
            key_env: "AIMUSIC_API_KEY".to_owned(),
            rate: Rate {
                count: 20,
                per: Duration::from_secs(60),
            },
            concurrency: 10,
            poll: None,
            timeout: Duration::from_secs(60),
            out: "out/midnight-drive".to_owned(),
            limits: SpendLimits {
                run: Some(credits(300)),
                ..SpendLimits::default()
            },
            simulator: json!(null),
            plan: None,
            fresh: false,
            files: std::collections::BTreeMap::new(),
            stop: StopRules::default(),
            options: ManifestOptions::default(),
            catalog: None,
        },
        state,
        ending: (state == RunState::Stopped).then(|| "credits ran out".to_owned()),
        created_at: "2026-11-22T10:00:00Z".parse().unwrap(),
        finished_at: Some("2026-11-22T10:09:30.25Z".parse().unwrap()),
        opening: Some(credits(312)),
        closing: Some(credits(262)),
        totals: RunTotals::default(),
    }
}

/// A job of `suno.create` at 10 credits in a state, with nothing that happened to it.
pub(super) fn job(ordinal: u32, id: &str, state: JobState) -> JobRecord {
    JobRecord {
        run: RunId::new("r7"),
        job: NewJob {
            ordinal: Ordinal(ordinal),
            id: JobId::new(id),
            fingerprint: Fingerprint([u8::try_from(ordinal % 256).unwrap(); 16]),
            operation: "suno.create".to_owned(),
            family: Family::Suno,
            inputs: r#"{"title":"Neon Rain"}"#.to_owned(),
            price: credits(10),
            priority: 0,
            save: None,
            needs: Vec::new(),
            reuse: None,
        },
        state,
        held: Credits::ZERO,
        charged: Credits::ZERO,
        refunded: Credits::ZERO,
        past_charged: Credits::ZERO,
        past_refunded: Credits::ZERO,
        past_losses: Vec::new(),
        attempts: 0,
        task_id: None,
        result: None,
        files: Vec::new(),
        submitted_at: None,
        finished_at: None,
        error: None,
    }
}

/// A bit of everything: saved, reused, identical, failed and refunded, failed for nothing, in doubt, skipped.
pub(super) fn mixed() -> Vec<JobRecord> {
    let mut song = job(0, "song", JobState::Saved);
    song.charged = credits(10);
    song.attempts = 1;
    song.task_id = Some(TaskId::new("t-1"));
    song.result = Some(JobResult {
        fields: json!({"clips": [
            {"clip_id": "c-1", "title": "Neon Rain", "duration": 151.2},
            {"clip_id": "c-2", "title": "Neon Rain", "duration": 149.0},
        ]}),
        clip_ids: vec!["c-1".to_owned(), "c-2".to_owned()],
        downloads: [151.2, 149.0]
            .map(|duration| Download {
                url: "https://cdn.invalid/x.mp3".to_owned(),
                extension: Some("mp3".to_owned()),
                label: None,
                duration_s: Some(duration),
            })
            .to_vec(),
    });
    song.files = vec!["audio/song-1.mp3".to_owned(), "audio/song-2.mp3".to_owned()];
    song.submitted_at = Some("2026-11-22T10:00:01Z".parse().unwrap());
    song.finished_at = Some("2026-11-22T10:02:31.5Z".parse().unwrap());

    let mut reused = job(1, "cue[1]", JobState::Saved);
    reused.job.reuse = Some(Reuse::Run {
        run: RunId::new("r3"),
        job: JobId::new("cue[4]"),
        ordinal: Ordinal(9),
    });
    let mut twin = job(2, "cue[2]", JobState::Succeeded);
    twin.job.reuse = Some(Reuse::Twin {
        ordinal: Ordinal(0),
        job: JobId::new("song"),
    });
    let mut failed = job(3, "cue[3]", JobState::Failed);
    (failed.charged, failed.refunded, failed.attempts) = (credits(10), credits(10), 1);
    failed.error = Some("task failed, \"moderated\"".to_owned());
    let mut lost = job(4, "stems", JobState::Failed);
    (lost.charged, lost.attempts) = (credits(20), 2);
    lost.job.operation = "suno.stems-basic".to_owned();
    lost.task_id = Some(TaskId::new("t-9"));
    lost.error = Some("=cmd|'/c calc'!A1".to_owned());
    let mut doubt = job(5, "cue[5]", JobState::InDoubt);
    (doubt.held, doubt.attempts) = (credits(10), 1);
    doubt.error = Some("no answer within 60 s".to_owned());
    let mut skipped = job(6, "mix", JobState::Skipped);
    skipped.error = Some("job `stems` gave no result".to_owned());
    vec![song, reused, twin, failed, lost, doubt, skipped]
}

/// All is well: one job, paid and saved, and the balance shows it.
pub(super) fn well() -> (RunRecord, Vec<JobRecord>) {
    let mut run = run(RunState::Finished);
    run.closing = Some(credits(302));
    (run, mixed().drain(..1).collect())
}
