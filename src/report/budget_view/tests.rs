//! The budget, whole.

use insta::assert_snapshot;

use super::super::fixture::{credits, run};
use super::*;
use crate::ledger::BalanceReading;
use crate::model::RunId;

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn share(id: &str, state: RunState, used: u64, held: u64, doubt: u64) -> RunShare {
    let mut record = run(state);
    record.id = RunId::new(id);
    record.totals.held = credits(held);
    RunShare {
        run: record,
        used: credits(used),
        held_in_doubt: credits(doubt),
        lease_until: None,
    }
}

fn view() -> BudgetView {
    let mut working = share("r4", RunState::Running, 20, 10, 0);
    working.lease_until = Some(at("2026-11-22T10:01:00Z"));
    let mut dead = share("r3", RunState::Running, 30, 10, 0);
    dead.lease_until = Some(at("2026-11-22T10:00:00Z"));
    BudgetView {
        account: AccountId::new("aimusicapi/studio"),
        now: at("2026-11-22T10:00:00Z"),
        zone: TimeZone::UTC,
        period: Some((at("2026-11-01T00:00:00Z"), at("2026-12-01T00:00:00Z"))),
        is_renewal_known: true,
        rollover: Some(false),
        budget: Some(credits(800)),
        monthly_credits: Some(credits(1000)),
        balance: Some(Balance {
            credits: credits(250),
            extra_credits: credits(70),
        }),
        books: AccountBooks {
            used: credits(160),
            held: credits(45),
            reading: None,
            runs: vec![
                working,
                dead,
                share("r2", RunState::Stopped, 90, 25, 15),
                share("r1", RunState::Finished, 10, 0, 0),
            ],
        },
        unexplained: Vec::new(),
        budget_used: vec![serde_json::from_str("0.25").unwrap()],
        balance_below: vec![credits(300), credits(100)],
    }
}

#[test]
fn everything_at_once() {
    assert_snapshot!(view().text(), @r"
    account    aimusicapi/studio
    period     2026-11-01 to 2026-12-01 (UTC), 9 days to renewal, unused credits expire
    budget     800: 160 used (20.0%), 45 held, 595 left
    month      1000: 160 used (16.0%), 45 held, 795 left
    balance    320 now (70 extra), 45 held, 275 can be spent
    pace       7.4 a day used; 30.5 a day left until renewal, by the balance
    runs out   2026-12-29 at this pace, not before renewal
    alerts     25% of the budget used: crossed
               balance below 300: crossed
               balance below 100: not crossed

      run  manifest        state     used  held
      r4   midnight-drive  at work     20    10
      r3   midnight-drive  died        30    10
      r2   midnight-drive  stopped     90    25
      r1   midnight-drive  finished    10     0
      and 10 used by attempts of jobs that were tried again

    35 held by runs that nobody works on; to free them:
      setlist resume r3  (10)
      setlist resume r2  (10)
      setlist resolve r2  (15)
    ");
}

#[test]
fn offline_it_says_what_the_ledger_knows() {
    let mut view = view();
    view.balance = None;
    view.books.runs.clear();
    view.books.reading = Some(BalanceReading {
        balance: credits(400),
        read_at: at("2026-11-20T09:00:00Z"),
        charged_since: credits(60),
    });
    (view.budget, view.rollover) = (None, None);
    view.is_renewal_known = false;
    assert_snapshot!(view.text(), @r"
    account    aimusicapi/studio
    period     2026-11-01 to 2026-12-01 (UTC), 9 days to renewal; assumed: set `renews_on` in the configuration; `rollover` is not set
    budget     160 used, 45 held; `budget` is not set
    month      1000: 160 used (16.0%), 45 held, 795 left
    balance    at least 295 (400 as read at 2026-11-20T09:00:00Z, 60 charged since, 45 held)
    pace       7.4 a day used; 32.7 a day left until renewal, by the balance
    runs out   2026-12-31 at this pace, not before renewal
    alerts     25% of the budget used: not known
               balance below 300: crossed
               balance below 100: not crossed
      and 160 used by attempts of jobs that were tried again
    ");
}

#[test]
fn an_account_that_nothing_is_known_of() {
    let empty = BudgetView {
        balance: None,
        books: AccountBooks::default(),
        budget: None,
        monthly_credits: None,
        ..view()
    };
    assert_snapshot!(empty.text(), @r"
    account    aimusicapi/studio
    period     2026-11-01 to 2026-12-01 (UTC), 9 days to renewal, unused credits expire
    budget     0 used, 0 held; `budget` is not set
    month      0 used, 0 held; `monthly_credits` is not set
    balance    not known: it was never read
    alerts     25% of the budget used: not known
               balance below 300: not known
               balance below 100: not known
    ");
}

#[test]
fn programs_get_the_same() {
    let json = serde_json::to_string_pretty(&view().json()).unwrap();
    assert_snapshot!(json, @r#"
    {
      "account": "aimusicapi/studio",
      "period": {
        "start": "2026-11-01T00:00:00.000Z",
        "end": "2026-12-01T00:00:00.000Z",
        "time_zone": "UTC",
        "is_assumed": false,
        "days_left": 9,
        "rollover": false
      },
      "used": 160,
      "held": 45,
      "budget": {
        "of": 800,
        "used": 160,
        "held": 45,
        "left": 595,
        "used_percent": 20.0
      },
      "month": {
        "of": 1000,
        "used": 160,
        "held": 45,
        "left": 795,
        "used_percent": 16.0
      },
      "balance": {
        "available": 320,
        "extra_credits": 70,
        "spendable": 275,
        "last_read": null
      },
      "pace": {
        "left": 275,
        "by": "balance",
        "used_per_day": 7.4,
        "left_per_day": 30.5,
        "runs_out": "2026-12-29T05:26:15.000Z"
      },
      "alerts": [
        {
          "kind": "budget_used",
          "threshold": 0.25,
          "crossed": true
        },
        {
          "kind": "balance_below",
          "threshold": 300,
          "crossed": true
        },
        {
          "kind": "balance_below",
          "threshold": 100,
          "crossed": false
        }
      ],
      "unexplained": [],
      "runs": [
        {
          "run": "r4",
          "manifest": "midnight-drive",
          "state": "running",
          "at_work": true,
          "used": 20,
          "held": 10,
          "held_in_doubt": 0,
          "to_free": []
        },
        {
          "run": "r3",
          "manifest": "midnight-drive",
          "state": "running",
          "at_work": false,
          "used": 30,
          "held": 10,
          "held_in_doubt": 0,
          "to_free": [
            {
              "held": 10,
              "command": "setlist resume r3"
            }
          ]
        },
        {
          "run": "r2",
          "manifest": "midnight-drive",
          "state": "stopped",
          "at_work": false,
          "used": 90,
          "held": 25,
          "held_in_doubt": 15,
          "to_free": [
            {
              "held": 10,
              "command": "setlist resume r2"
            },
            {
              "held": 15,
              "command": "setlist resolve r2"
            }
          ]
        },
        {
          "run": "r1",
          "manifest": "midnight-drive",
          "state": "finished",
          "at_work": false,
          "used": 10,
          "held": 0,
          "held_in_doubt": 0,
          "to_free": []
        }
      ]
    }
    "#);
}

#[test]
fn credits_that_moved_without_an_explanation_are_placed_in_time() {
    let stretch = |minutes: [i64; 2], charged, drift| {
        let time = |minute| at("2026-11-20T10:00:00Z") + jiff::SignedDuration::from_mins(minute);
        Unexplained {
            since: time(minutes[0]),
            until: time(minutes[1]),
            charged: credits(charged),
            refunded: credits(0),
            drift,
        }
    };
    let drift = |from, to| crate::model::Drift::between(credits(from), credits(to));
    let view = BudgetView {
        unexplained: vec![
            stretch([2, 7], 0, drift(10, 0)),
            stretch([7, 9], 30, drift(6, 0)),
            stretch([9, 20], 0, drift(0, 500)),
        ],
        ..view()
    };
    let text = view.text();
    let lines: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("drift"))
        .collect();
    assert_eq!(
        lines,
        [
            "drift      +500: 500 credits were bought, between 2026-11-20T10:09:00Z and 2026-11-20T10:20:00Z, while nothing \
             of ours was charged",
            "drift      -6: between 2026-11-20T10:07:00Z and 2026-11-20T10:09:00Z, in which 30 were charged: a price that \
             is wrong, or another client",
            "drift      -10: another client of the same key spent 10, between 2026-11-20T10:02:00Z and \
             2026-11-20T10:07:00Z, while nothing of ours was charged",
        ]
    );
    assert_eq!(
        view.json()["unexplained"][0]["cause"]["kind"],
        "another_client"
    );
}
