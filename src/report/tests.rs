//! Each report, whole.

use std::time::Duration;

use insta::assert_snapshot;
use jiff::civil::date;
use proptest::prelude::*;
use serde_json::Value;

use super::fixture::{credits, job, mixed, run, well};
use super::*;
use crate::catalog::{Catalog, PriceLists};
use crate::model::{
    Balance, Credits, JobId, JobRecord, JobState, Ordinal, PaidJob, PaidState, Rate, Reuse, RunId,
    RunRecord, RunState,
};
use crate::plan::fixture::{Bought, CREATE, LYRICS, STEMS_FULL, Spec, plan, spec};
use crate::plan::{PeriodStanding, Plan, Standing};

fn summed(run: &RunRecord, records: &[JobRecord]) -> Summary {
    let mut summary = Summary::new(run);
    for record in records {
        summary.add(record).unwrap();
    }
    summary
}

fn spend_csv(run: &RunRecord, records: &[JobRecord]) -> String {
    let mut csv = SpendCsv::new(run, Vec::new()).unwrap();
    for record in records {
        csv.add(record).unwrap();
    }
    String::from_utf8(csv.finish().unwrap()).unwrap()
}

fn run_json(run: &RunRecord, records: &[JobRecord]) -> String {
    let mut json = RunJson::new(run, Vec::new()).unwrap();
    for record in records {
        json.add(record).unwrap();
    }
    let summary = summed(run, records);
    String::from_utf8(json.finish(&summary).unwrap()).unwrap()
}

#[test]
fn a_run_json_tells_which_run_it_is_of() {
    let run = run(RunState::Stopped);
    let json = run_json(&run, &mixed());
    assert_eq!(run_of_json(json.as_bytes()), Some(run));
    for other in ["", "{}\n", "{\n\"run\": 5,\n}", "\n\n\n"] {
        assert_eq!(run_of_json(other.as_bytes()), None, "{other}");
    }
}

#[test]
fn the_spend_csv_has_one_row_per_job_and_no_formula() {
    let csv = spend_csv(&run(RunState::Stopped), &mixed());
    assert!(csv.lines().count() == 8 && csv.matches("\r\n").count() == 8);
    assert_snapshot!(csv.replace("\r\n", "\n"), @r#"
    run,job,operation,family,state,price,held,charged,refunded,price_list,attempts,task_id,clip_ids,submitted_at,finished_at,files,reused_from,error
    r7,song,suno.create,suno,saved,10,0,10,0,guide,1,t-1,c-1;c-2,2026-11-22T10:00:01.000Z,2026-11-22T10:02:31.500Z,audio/song-1.mp3;audio/song-2.mp3,,
    r7,cue[1],suno.create,suno,saved,10,0,0,0,guide,0,,,,,,r3/cue[4],
    r7,cue[2],suno.create,suno,succeeded,10,0,0,0,guide,0,,,,,,r7/song,
    r7,cue[3],suno.create,suno,failed,10,0,10,10,guide,1,,,,,,,"task failed, ""moderated"""
    r7,stems,suno.stems-basic,suno,failed,10,0,20,0,guide,2,t-9,,,,,,'=cmd|'/c calc'!A1
    r7,cue[5],suno.create,suno,in-doubt,10,10,0,0,guide,1,,,,,,,no answer within 60 s
    r7,mix,suno.create,suno,skipped,10,0,0,0,guide,0,,,,,,,job `stems` gave no result
    "#);
}

#[test]
fn the_claims_csv_has_what_was_charged_for_nothing() {
    let run = run(RunState::Stopped);
    let mut records = mixed();
    records[0].error = Some("`audio/song-1.mp3` is silent".to_owned());
    let mut csv = ClaimsCsv::new(&run, Vec::new()).unwrap();
    for record in &records {
        csv.add(record).unwrap();
    }
    let csv = String::from_utf8(csv.finish().unwrap()).unwrap();
    assert_snapshot!(csv.replace("\r\n", "\n"), @r#"
    run,job,operation,price,charged,refunded,task_id,clip_ids,submitted_at,finished_at,claim,evidence,files
    r7,song,suno.create,10,10,0,t-1,c-1;c-2,2026-11-22T10:00:01.000Z,2026-11-22T10:02:31.500Z,unusable file,`audio/song-1.mp3` is silent,audio/song-1.mp3;audio/song-2.mp3
    r7,stems,suno.stems-basic,10,20,0,t-9,,,,"failed, not refunded",'=cmd|'/c calc'!A1,
    "#);
    let summary = summed(&run, &records);
    assert_eq!((summary.claims, summary.claimed), (2, credits(30)));
    assert_eq!(summary.troubles[0].job, JobId::new("song"));
}

#[test]
fn the_summary_ends_with_the_command_to_type() {
    let run = run(RunState::Stopped);
    assert_snapshot!(summary_text(&run, &summed(&run, &mixed())), @r#"
    midnight-drive stopped: credits ran out, 3 of 7 jobs done, 2 failed, 1 in doubt, 1 skipped (run r7)

      operation         jobs  done  charged  refunded
      suno.create          6     3       20        10
      suno.stems-basic     1     0       20         0
      total                7     3       40        10

    opening balance  312
    charged          -40
    refunded         +10
    unexplained      -20
    closing balance  262
    still set aside   10
    credits saved    10 by 1 reused job
    credits saved    10 by 1 identical job

      job     operation         state     why
      cue[3]  suno.create       failed    task failed, "moderated"
      stems   suno.stems-basic  failed    =cmd|'/c calc'!A1
      cue[5]  suno.create       in-doubt  no answer within 60 s

    charged without a usable result: 1 job, 20 credits, in out/midnight-drive/claims.csv

    skipped
      1 job: job `stems` gave no result

    setlist resolve r7
    "#);
}

#[test]
fn a_run_without_trouble_is_short_and_quiet() {
    let (run, records) = well();
    let summary = summed(&run, &records);
    assert_snapshot!(summary_text(&run, &summary), @"
    midnight-drive finished, 1 of 1 job done (run r7)

      operation    jobs  done  charged  refunded
      suno.create     1     1       10         0
      total           1     1       10         0

    opening balance  312
    charged          -10
    refunded          +0
    unexplained       +0
    closing balance  302
    ");
    assert_eq!(summary_quiet(&run, &summary), "");
}

#[test]
fn trouble_is_one_paragraph() {
    let stopped = run(RunState::Stopped);
    assert_snapshot!(summary_quiet(&stopped, &summed(&stopped, &mixed())), @r#"
    midnight-drive stopped: credits ran out, 3 of 7 jobs done, 2 failed, 1 in doubt, 1 skipped (run r7). 40 credits charged, 10 refunded, -20 unexplained. First trouble: `cue[3]` is failed: task failed, "moderated".
    charged without a usable result: 1 job, 20 credits, in out/midnight-drive/claims.csv
    setlist resolve r7
    "#);

    let (mut drifted, records) = well();
    drifted.closing = Some(credits(297));
    assert_snapshot!(summary_quiet(&drifted, &summed(&drifted, &records)), @"midnight-drive finished, 1 of 1 job done (run r7). 10 credits charged, 0 refunded, -5 unexplained.");
}

#[test]
fn the_next_command_is_resolve_then_resume_then_none() {
    let stopped = run(RunState::Stopped);
    let next = |run: &RunRecord, records: &[JobRecord]| next_command(run, &summed(run, records));
    assert_eq!(
        next(&stopped, &mixed()).as_deref(),
        Some("setlist resolve r7")
    );
    assert_eq!(
        next(&stopped, &mixed()[..1]).as_deref(),
        Some("setlist resume r7")
    );
    assert_eq!(next(&run(RunState::Finished), &mixed()[..1]), None);
}

#[test]
fn run_json_holds_the_run_its_jobs_and_its_summary() {
    let text = run_json(&run(RunState::Stopped), &mixed());
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["run"]["id"], "r7");
    assert_eq!(value["jobs"].as_array().unwrap().len(), 7);
    assert_eq!(value["jobs"][0]["inputs"]["title"], "Neon Rain");
    assert_eq!(value["jobs"][1]["reused_from"], "r3/cue[4]");
    assert_eq!(value["jobs"][2]["reused_from"], "r7/song");
    assert_snapshot!(serde_json::to_string_pretty(&value["summary"]).unwrap(), @r#"
    {
      "opening": 312,
      "charged": 40,
      "refunded": 10,
      "unexplained": -20,
      "closing": 262,
      "held": 10,
      "jobs": 7,
      "done": 3,
      "states": {
        "succeeded": 1,
        "saved": 2,
        "failed": 2,
        "in-doubt": 1,
        "skipped": 1
      },
      "operations": {
        "suno.create": {
          "jobs": 6,
          "done": 3,
          "charged": 20,
          "refunded": 10
        },
        "suno.stems-basic": {
          "jobs": 1,
          "done": 0,
          "charged": 20,
          "refunded": 0
        }
      },
      "reused": 1,
      "saved_by_reuse": 10,
      "twins": 1,
      "saved_by_twins": 10,
      "claims": 1,
      "claimed": 20,
      "troubles": [
        {
          "job": "cue[3]",
          "operation": "suno.create",
          "state": "failed",
          "lost": 0,
          "task_id": null,
          "error": "task failed, \"moderated\""
        },
        {
          "job": "stems",
          "operation": "suno.stems-basic",
          "state": "failed",
          "lost": 20,
          "task_id": "t-9",
          "error": "=cmd|'/c calc'!A1"
        },
        {
          "job": "cue[5]",
          "operation": "suno.create",
          "state": "in-doubt",
          "lost": 0,
          "task_id": null,
          "error": "no answer within 60 s"
        }
      ],
      "troubles_left_out": 0,
      "skipped": [
        {
          "reason": "job `stems` gave no result",
          "jobs": 1
        }
      ]
    }
    "#);
    let empty: Value = serde_json::from_str(&run_json(&run(RunState::Running), &[])).unwrap();
    assert_eq!(empty["jobs"], serde_json::json!([]));
}

#[test]
fn status_and_runs() {
    let mut run = run(RunState::Stopped);
    let summary = summed(&run, &mixed());
    assert_snapshot!(status_text(&run, &summary), @"
    run       r7
    manifest  midnight-drive
    provider  simulator
    state     stopped (credits ran out)
    jobs      6 of 7 jobs ended, 85.7%
              1 succeeded, 2 saved, 2 failed, 1 in-doubt, 1 skipped
    credits   40 charged, 10 refunded, 10 set aside (run cap 300)
    made      2026-11-22T10:00:00Z
    finished  2026-11-22T10:09:30Z

    setlist resolve r7
    ");
    run.totals.jobs = 7;
    run.totals.ended = 6;
    run.totals.in_doubt = 1;
    run.totals.charged = credits(40);
    run.totals.refunded = credits(10);
    assert_snapshot!(runs_text(std::slice::from_ref(&run)), @"
    run  manifest        state    ended  jobs  in doubt  charged  refunded  made                  ending
    r7   midnight-drive  stopped      6     7         1       40        10  2026-11-22T10:00:00Z  credits ran out
    ");
    assert_eq!(runs_text(&[]), "no runs yet\n");
    assert_eq!(runs_json(&[run.clone()])["runs"][0]["unexplained"], -20);
    assert_eq!(status_json(&run, &summary)["next"], "setlist resolve r7");
}

#[test]
fn credits_are_told_as_the_guide_tells_them() {
    let mut view = CreditsView {
        balance: Balance {
            credits: credits(850),
            extra_credits: Credits::ZERO,
        },
        monthly_credits: Some(credits(1000)),
        renewal: Some(date(2024, 2, 1)),
        rollover: Some(false),
        today: date(2024, 1, 20),
        read_at: None,
    };
    assert_snapshot!(view.text().unwrap(), @"
    Available:       850
    Total:           1000
    Used:            150
    Percentage used: 15.0%
    Extra credits:   0
    Renewal date:    2024-02-01 (in 12 days, 1000 credits, unused credits expire)
    ");
    assert_snapshot!(view.json().unwrap(), @r#"{"available":850,"total":1000,"used":150,"percentage_used":15.0,"extra_credits":0,"subscription_credits":850,"subscription_renewal_date":"2024-02-01","rollover":false,"read_at":null}"#);

    view.balance.extra_credits = credits(200);
    view.balance.credits = credits(1300);
    view.rollover = Some(true);
    view.read_at = Some("2024-01-20T09:00:00Z".parse().unwrap());
    assert_snapshot!(view.text().unwrap(), @"
    Available:       1500
    Total:           1500
    Used:            0
    Percentage used: 0.0%
    Extra credits:   200
    Renewal date:    2024-02-01 (in 12 days, 1000 credits, unused credits stay)
    as read at 2024-01-20T09:00:00Z
    ");

    view.monthly_credits = None;
    view.renewal = None;
    assert_snapshot!(view.text().unwrap(), @"
    Available:       1500
    Total:           not known: set `monthly_credits` in the configuration
    Extra credits:   200
    Renewal date:    not known: set `renews_on` in the configuration
    as read at 2024-01-20T09:00:00Z
    ");
}

#[test]
fn costs_of_the_guide_and_their_differences() {
    let (catalog, lists) = (Catalog::builtin(), PriceLists::builtin());
    let guide = &lists.lists[0];
    let today = lists.find("aimusicapi-2026-09").unwrap();
    let first: Vec<_> = costs_text(catalog, guide)
        .lines()
        .take(7)
        .map(str::to_owned)
        .collect();
    assert_snapshot!(first.join("\n"), @"
    prices `guide` of 2025-11, from Credits Management Guide

    Suno V4
      name                    credits  operation           notes
      Create music                 10  suno.create         Per generation
      Extend music                 10  suno.extend         Per extension
      Concat music                  5  suno.concat         Per concatenation
    ");
    assert_eq!(
        costs_json(catalog, guide)["operations"]
            .as_array()
            .unwrap()
            .len(),
        25
    );
    let diff: Vec<_> = costs_diff_text(catalog, guide, today)
        .lines()
        .take(7)
        .map(str::to_owned)
        .collect();
    assert_snapshot!(diff.join("\n"), @"
    first:  `guide` of 2025-11
    second: `aimusicapi-2026-09` of 2026-09

    change   operation                   first  second  when
    dearer   suno.create                    10      14
    dearer   suno.cover                     10      14
    dearer   suno.upload                     0       2
    ");
    assert!(costs_diff_text(catalog, guide, guide).ends_with("the same prices\n"));
    assert_eq!(
        costs_diff_json(catalog, guide, guide)["prices"],
        serde_json::json!([])
    );
}

/// One of each disposition.
fn small_plan() -> Plan {
    let paid = |state, run: &str| PaidJob {
        run: RunId::new(run),
        job: JobId::new("old"),
        ordinal: Ordinal(4),
        state,
    };
    let bought = Bought(
        [
            (4, paid(PaidState::Usable, "r3")),
            (5, paid(PaidState::Unsettled, "r5")),
        ]
        .into(),
    );
    let specs = [
        spec(("lyrics", 0), 0, LYRICS, 1, &[]),
        spec(("song", 1), 1, CREATE, 2, &[0]),
        spec(("song", 1), 2, CREATE, 2, &[0]),
        spec(("cue", 2), 1, CREATE, 4, &[]),
        spec(("stems", 3), 0, STEMS_FULL, 5, &[]),
        spec(("mix", 4), 0, CREATE, 6, &[4]),
    ];
    plan(&specs, &bought)
}

fn shown(plan: &Plan, standing: &Standing, write: impl Fn(&PlanView<'_>, &mut Vec<u8>)) -> String {
    let verdict = standing.judge(plan.total()).unwrap();
    let view = PlanView {
        fit: None,
        monthly: None,
        spend_down: None,
        plan,
        standing,
        verdict: &verdict,
        rate: Rate {
            count: 20,
            per: Duration::from_secs(60),
        },
        concurrency: 10,
    };
    let mut out = Vec::new();
    write(&view, &mut out);
    String::from_utf8(out).unwrap()
}

fn text(plan: &Plan, standing: &Standing) -> String {
    shown(plan, standing, |view, out| plan_text(view, out).unwrap())
}

#[test]
fn a_plan_shows_what_it_does_and_what_it_is_set_against() {
    let standing = Standing {
        balance: Some(Balance {
            credits: credits(312),
            extra_credits: Credits::ZERO,
        }),
        keep: credits(50),
        run_cap: Some(credits(300)),
        period: Some(PeriodStanding {
            budget: credits(1000),
            used: credits(400),
        }),
        monthly_credits: Some(credits(1000)),
        days_to_renewal: Some(12),
        ..Standing::default()
    };
    assert_snapshot!(text(&small_plan(), &standing), @"
    midnight-drive: 6 jobs on simulator, prices of `guide` (2026-09)

      job      operation        credits
      lyrics   lyrics.generate        5
      song[1]  suno.create           10
      song[2]  suno.create            0  same as song[1]
      cue[1]   suno.create            0  reused from r3/old
      stems    suno.stems-full        0  blocked: r5/old is buying it
      mix      suno.create            0  blocked: needs r5/old

      operation        jobs  new  reused  twin  blocked  credits
      suno.create         4    1       1     1        1       10
      lyrics.generate     1    1       0     0        0        5
      suno.stems-full     1    0       0     0        1        0
      total               6    2       1     1        2       15

    saved      10 credits by 1 job paid before
    blocked    2 jobs will be skipped while another run buys the same: `setlist resume r5` first
    balance    312 now, 297 after
    run cap    300, needs 15, leaves 285
    period     1000, 400 used (40.0%), needs 15, leaves 585
    spendable  262 can be spent, 50 kept, needs 15, leaves 247 (the tightest)
    month      1.5% of 1000 credits a month
    renewal    in 12 days: 247 credits left until then, 20 a day
    time       about 3 min (20 requests per 60 s, 10 tasks at once)

    warning: `guide` prices these jobs unlike `today`: `--prices` chooses the list your account is charged by
    advice: identical jobs are bought once: 1 job at no cost, 10 credits saved
    advice: by `today` (2026-09) these jobs cost 16, 1 more than by `guide`: `suno.create` 10 → 14 (1 job), `lyrics.generate` 5 → 2 (1 job)

    the plan costs 15 credits, within every limit
    ");
}

#[test]
fn a_plan_that_is_short_says_by_how_much() {
    let standing = Standing {
        run_cap: Some(credits(5)),
        ..Standing::default()
    };
    let text = text(&small_plan(), &standing);
    let end: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("run cap") || line.starts_with("balance"))
        .chain(text.lines().last())
        .collect();
    assert_snapshot!(end.join("\n"), @"
    balance    not asked for; the other limits alone decide
    run cap    5, needs 15, short 10
    short by 10 credits: the plan costs 15, and the run cap has no room for it
    ");
}

#[test]
fn a_long_plan_is_shown_by_entries() {
    let specs: Vec<Spec> = (1..=41)
        .map(|row| spec(("cue", 0), row, CREATE, u8::try_from(row).unwrap(), &[]))
        .collect();
    assert_snapshot!(text(&plan(&specs, &()), &Standing::default()), @"
    midnight-drive: 41 jobs on simulator, prices of `guide` (2026-09)

      entry  operation    jobs  new  reused  twin  blocked  credits
      cue    suno.create    41   41       0     0        0      410

      operation    jobs  new  reused  twin  blocked  credits
      suno.create    41   41       0     0        0      410
      total          41   41       0     0        0      410

    balance    not asked for; the other limits alone decide
    time       about 13 min (20 requests per 60 s, 10 tasks at once)

    warning: `guide` prices these jobs unlike `today`: `--prices` chooses the list your account is charged by
    advice: by `today` (2026-09) these jobs cost 574, 164 more than by `guide`: `suno.create` 410 → 574 (41 jobs)

    the plan costs 410 credits, the balance was not checked
    ");
}

#[test]
fn a_plan_for_programs() {
    let plan = small_plan();
    let standing = Standing {
        run_cap: Some(credits(5)),
        ..Standing::default()
    };
    let json = shown(&plan, &standing, |view, out| plan_json(view, out).unwrap());
    let value: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["job_count"], 6);
    assert_eq!(value["total_credits"], 15);
    assert_eq!(value["affordable"], false);
    assert_eq!(value["shortfall_credits"], 10);
    assert_eq!(value["limits"][0]["limit"], "run");
    assert_snapshot!(json, @r#"
    {
    "manifest": "midnight-drive",
    "manifest_digest": "d1935",
    "provider": "simulator",
    "price_list": {"name":"guide","dated":"2026-09","source":"source of guide","digest":"digest of guide"},
    "catalog_digest": "ca7a",
    "job_count": 6,
    "counts": {"new":2,"reused":1,"twin":1,"blocked":2},
    "total_credits": 15,
    "saved_by_reuse": 10,
    "saved_by_twins": 10,
    "affordable": false,
    "shortfall_credits": 10,
    "binding": "run",
    "limits": [{"limit":"run","of":5,"room":5,"short":10}],
    "balance": null,
    "balance_after": null,
    "pace": null,
    "estimate_s": 168,
    "learned_times": 0,
    "operations": [{"operation":"suno.create","family":"suno","jobs":4,"counts":{"new":1,"reused":1,"twin":1,"blocked":1},"credits":10},{"operation":"lyrics.generate","family":"lyrics","jobs":1,"counts":{"new":1,"reused":0,"twin":0,"blocked":0},"credits":5},{"operation":"suno.stems-full","family":"suno","jobs":1,"counts":{"new":0,"reused":0,"twin":0,"blocked":1},"credits":0}],
    "entries": [{"id":"lyrics","line":10,"priority":3,"operations":[{"operation":"lyrics.generate","because":null,"jobs":1}],"jobs":1,"counts":{"new":1,"reused":0,"twin":0,"blocked":0},"credits":5},{"id":"song","line":20,"priority":3,"operations":[{"operation":"suno.create","because":null,"jobs":2}],"jobs":2,"counts":{"new":1,"reused":0,"twin":1,"blocked":0},"credits":10},{"id":"cue","line":30,"priority":3,"operations":[{"operation":"suno.create","because":null,"jobs":1}],"jobs":1,"counts":{"new":0,"reused":1,"twin":0,"blocked":0},"credits":0},{"id":"stems","line":40,"priority":3,"operations":[{"operation":"suno.stems-full","because":null,"jobs":1}],"jobs":1,"counts":{"new":0,"reused":0,"twin":0,"blocked":1},"credits":0},{"id":"mix","line":50,"priority":3,"operations":[{"operation":"suno.create","because":null,"jobs":1}],"jobs":1,"counts":{"new":0,"reused":0,"twin":0,"blocked":1},"credits":0}],
    "warnings": [{"kind":"lists-differ","message":"`guide` prices these jobs unlike `today`: `--prices` chooses the list your account is charged by","used":"guide","others":["today"]}],
    "advice": [{"kind":"twins","message":"identical jobs are bought once: 1 job at no cost, 10 credits saved","jobs":1,"saved":10},{"kind":"other-list","message":"by `today` (2026-09) these jobs cost 16, 1 more than by `guide`: `suno.create` 10 → 14 (1 job), `lyrics.generate` 5 → 2 (1 job)","used":"guide","other":"today","dated":"2026-09","here":15,"there":16,"unpriced":0,"operations":[{"operation":"suno.create","jobs":1,"here":10,"there":14},{"operation":"lyrics.generate","jobs":1,"here":5,"there":2}]}],
    "jobs": [
      {"id":"lyrics","operation":"lyrics.generate","credits":5,"price":5,"disposition":"new","entry":"lyrics","line":10,"fingerprint":"01010101010101010101010101010101"},
      {"id":"song[1]","operation":"suno.create","credits":10,"price":10,"disposition":"new","entry":"song","line":20,"fingerprint":"02020202020202020202020202020202"},
      {"id":"song[2]","operation":"suno.create","credits":0,"price":10,"disposition":"twin","from":"song[1]","entry":"song","line":20,"fingerprint":"02020202020202020202020202020202"},
      {"id":"cue[1]","operation":"suno.create","credits":0,"price":10,"disposition":"reused","from":"r3/old","entry":"cue","line":30,"fingerprint":"04040404040404040404040404040404"},
      {"id":"stems","operation":"suno.stems-full","credits":0,"price":50,"disposition":"blocked","from":"r5/old","entry":"stems","line":40,"fingerprint":"05050505050505050505050505050505"},
      {"id":"mix","operation":"suno.create","credits":0,"price":10,"disposition":"blocked","from":"r5/old","entry":"mix","line":50,"fingerprint":"06060606060606060606060606060606"}
    ]
    }
    "#);
    let csv = shown(&plan, &standing, |view, out| plan_csv(view, out).unwrap());
    assert_snapshot!(csv.replace("\r\n", "\n"), @"
    job,operation,disposition,credits,price,entry,line,from,fingerprint
    lyrics,lyrics.generate,new,5,5,lyrics,10,,01010101010101010101010101010101
    song[1],suno.create,new,10,10,song,20,,02020202020202020202020202020202
    song[2],suno.create,twin,0,10,song,20,song[1],02020202020202020202020202020202
    cue[1],suno.create,reused,0,10,cue,30,r3/old,04040404040404040404040404040404
    stems,suno.stems-full,blocked,0,50,stems,40,r5/old,05050505050505050505050505050505
    mix,suno.create,blocked,0,10,mix,50,r5/old,06060606060606060606060606060606
    ");
}

fn any_records() -> impl Strategy<Value = Vec<JobRecord>> {
    let one = (
        0..JobState::ALL.len(),
        0..100_u64,
        0..100_u64,
        0..50_u64,
        any::<bool>(),
        "[=+@a-z;,\"\n]{0,8}",
    );
    prop::collection::vec(one, 0..40).prop_map(|rows| {
        (0..)
            .zip(rows)
            .map(
                |(ordinal, (state, charged, refunded, held, reused, error))| {
                    let mut record = job(ordinal, &format!("job[{ordinal}]"), JobState::ALL[state]);
                    record.charged = credits(if reused { 0 } else { charged });
                    record.refunded = credits(refunded);
                    record.held = credits(held);
                    record.job.reuse = reused.then(|| Reuse::Run {
                        run: RunId::new("r1"),
                        job: JobId::new("x"),
                        ordinal: Ordinal(0),
                    });
                    record.error = (!error.is_empty()).then_some(error);
                    record
                },
            )
            .collect()
    })
}

proptest! {
    #[test]
    fn the_rows_of_the_spend_csv_add_up_to_the_summary(records in any_records()) {
        let run = run(RunState::Stopped);
        let summary = summed(&run, &records);
        let csv = spend_csv(&run, &records);
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let header = reader.headers().unwrap().clone();
        prop_assert_eq!(header.iter().collect::<Vec<_>>(), SPEND_COLUMNS);
        let at = |name: &str| SPEND_COLUMNS.iter().position(|column| *column == name).unwrap();
        let mut sums = [0_u64; 3];
        let mut rows = 0;
        for row in reader.records() {
            let row = row.unwrap();
            rows += 1;
            for (sum, name) in sums.iter_mut().zip(["charged", "refunded", "held"]) {
                *sum += row[at(name)].parse::<u64>().unwrap();
            }
            let charged_reuse = !row[at("reused_from")].is_empty() && &row[at("charged")] != "0";
            prop_assert!(!charged_reuse);
            prop_assert!(!row.iter().any(|cell| cell.starts_with(['=', '+', '-', '@', '\t', '\r'])));
        }
        prop_assert_eq!(sums, [summary.charged.get(), summary.refunded.get(), summary.held.get()]);
        prop_assert_eq!(rows, summary.jobs);

        // And the books close: opening - charged + refunded + unexplained = closing.
        let signed = |credits: Credits| i64::try_from(credits.get()).unwrap();
        prop_assert_eq!(
            signed(run.opening.unwrap()) - signed(summary.charged) + signed(summary.refunded)
                + summary.unexplained.unwrap().get(),
            signed(run.closing.unwrap())
        );
        let by_operation: Vec<_> = summary.operations.values().map(|op| op.charged).collect();
        prop_assert_eq!(Credits::sum(by_operation).unwrap(), summary.charged);
        prop_assert_eq!(summary.states.values().sum::<u64>(), summary.jobs);
    }
}

#[test]
fn a_late_refund_may_be_for_a_purchase_before_the_last() {
    // Failed, bought again for as much, and the first charge was given back after all.
    for (state, charged) in [(JobState::Saved, 20), (JobState::Failed, 20)] {
        let mut run = run(RunState::Finished);
        let mut record = job(0, "song", state);
        record.charged = credits(charged);
        record.past_charged = credits(10);
        record.past_losses.push(crate::model::PastLoss {
            task_id: None,
            credits: credits(10),
            sent_at: None,
            error: None,
        });
        run.totals.charged = credits(charged);
        (run.opening, run.closing) = (Some(credits(100)), Some(credits(100 - charged + 10)));
        let mut summary = summed(&run, &[record]);
        summary.explain(&Known::default());
        let found = summary.explanation.unwrap();
        let words = found.likely.first().map(|cause| cause.words());
        let words = words.unwrap_or_default();
        assert!(words.contains("late"), "{state}: {words:?}");
    }
}
