use proptest::prelude::*;

use super::*;
use crate::model::JobResult;

fn events() -> [JobEvent; 14] {
    let error = String::new;
    [
        JobEvent::Send,
        JobEvent::Accept { task: None },
        JobEvent::Retry { error: error() },
        JobEvent::Refuse { error: error() },
        JobEvent::Release { error: None },
        JobEvent::Doubt { error: error() },
        JobEvent::Succeed {
            result: JobResult::default(),
        },
        JobEvent::Fail {
            error: error(),
            refunded: true,
        },
        JobEvent::Save {
            files: Vec::new(),
            defect: None,
        },
        JobEvent::SaveFailed { error: error() },
        JobEvent::Miss { error: error() },
        JobEvent::Lose { error: error() },
        JobEvent::Skip { error: error() },
        JobEvent::Restart,
    ]
}

/// A row for each state in the order of `JobState::ALL`, a column for each event in the order of `events`.
const LEGAL: [&str; 12] = [
    // Send Accept Retry Refuse Release Doubt Succeed Fail Save SaveFailed Miss Lose Skip Restart
    "- - - - - - succeeded - - - - - skipped -", // planned
    "sent - - - released - - - - - - - skipped -", // held
    "- accepted held refused released in-doubt - - - - - - - -", // sent
    "- - - - - - succeeded failed - - - lost - -", // accepted
    "- - - - - - - - saved succeeded - - - -",   // succeeded
    "- - - - - - - - - - succeeded - - -",       // saved
    "- - - - - - - - - - - - - planned",         // failed
    "- - - - - - - - - - - - - planned",         // refused
    "- - - - - - - - - - - - skipped -",         // released
    "- accepted - - released - - - - - - lost - -", // in-doubt
    "- - - - - - - - - - - - - -",               // lost
    "- - - - - - - - - - - - - planned",         // skipped
];

#[test]
fn every_pair_of_state_and_event_is_decided() {
    for (state, row) in JobState::ALL.into_iter().zip(LEGAL) {
        let columns: Vec<&str> = row.split(' ').collect();
        assert_eq!(columns.len(), events().len());
        for (event, to) in events().iter().zip(columns) {
            let event_name = event.participle();
            let expected = JobState::from_name(to).ok_or(IllegalStep {
                state,
                event: event_name,
            });
            assert_eq!(next(state, event), expected, "{state} can be {event_name}");
        }
    }
}

fn bought() -> Entry {
    Entry::planned(Credits::new(10), false)
}

fn after(events: &[JobEvent]) -> (Entry, Booking) {
    let mut entry = bought();
    entry.hold().unwrap();
    let booking = entry.apply(events, Timestamp::UNIX_EPOCH).unwrap();
    entry.check().unwrap();
    (entry, booking)
}

#[test]
fn credits_move_as_drawn() {
    let [
        send,
        accept,
        retry,
        refuse,
        release,
        doubt,
        succeed,
        fail,
        save,
        _,
        miss,
        lose,
        skip,
        _,
    ] = events();
    let kept = JobEvent::Fail {
        error: String::new(),
        refunded: false,
    };
    // held, charged, refunded
    for (chain, expected) in [
        (vec![], (10, 0, 0)),
        (vec![&release], (0, 0, 0)),
        (vec![&skip], (0, 0, 0)),
        (vec![&send], (10, 0, 0)),
        (vec![&send, &retry], (10, 0, 0)),
        (vec![&send, &refuse], (0, 0, 0)),
        (vec![&send, &release], (0, 0, 0)),
        (vec![&send, &doubt], (10, 0, 0)),
        (vec![&send, &doubt, &release], (0, 0, 0)),
        (vec![&send, &doubt, &lose], (0, 10, 0)),
        (vec![&send, &doubt, &accept], (0, 10, 0)),
        (vec![&send, &accept], (0, 10, 0)),
        (vec![&send, &accept, &lose], (0, 10, 0)),
        (vec![&send, &accept, &succeed], (0, 10, 0)),
        (vec![&send, &accept, &succeed, &save, &miss], (0, 10, 0)),
        (vec![&send, &accept, &fail], (0, 10, 10)),
        (vec![&send, &accept, &kept], (0, 10, 0)),
    ] {
        let chain: Vec<JobEvent> = chain.into_iter().cloned().collect();
        let (entry, booking) = after(&chain);
        let (held, charged, refunded) = expected;
        assert_eq!(entry.held.get(), held, "{chain:?}");
        assert_eq!(entry.charged.get(), charged, "{chain:?}");
        assert_eq!(entry.refunded.get(), refunded, "{chain:?}");
        assert_eq!(
            (booking.charged, booking.refunded),
            (entry.charged, entry.refunded)
        );
        assert_eq!(booking.submitted_at.is_some(), charged > 0, "{chain:?}");
    }
}

#[test]
fn a_restart_keeps_what_was_paid_before() {
    let [send, accept, .., restart] = events();
    let fail = JobEvent::Fail {
        error: String::new(),
        refunded: false,
    };
    let (mut entry, _) = after(&[send.clone(), accept.clone(), fail, restart]);
    assert_eq!(
        (entry.state, entry.charged),
        (JobState::Planned, Credits::ZERO)
    );
    entry.hold().unwrap();
    entry.apply(&[send, accept], Timestamp::UNIX_EPOCH).unwrap();
    entry.check().unwrap();
    assert_eq!(entry.total_charged(), Ok(Credits::new(20)));
}

#[test]
fn nothing_is_given_that_nobody_paid_for() {
    let [.., succeed, _, _, _, _, _, _, _] = events();
    assert!(
        bought()
            .apply(std::slice::from_ref(&succeed), Timestamp::UNIX_EPOCH)
            .is_err()
    );
    let mut reused = Entry::planned(Credits::new(10), true);
    reused.hold().unwrap();
    assert!(reused.hold().is_err(), "it was handed out");
    assert!(reused.is_in_hand() && reused.held.is_zero());
    reused.apply(&[succeed], Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(reused.check(), Ok(()));
}

#[test]
fn rows_that_no_step_leads_to_are_found() {
    let ten = Credits::new(10);
    let tampered: [fn(&mut Entry); 12] = [
        |entry| entry.held = Credits::new(10),
        |entry| entry.charged = Credits::new(10),
        |entry| entry.state = JobState::Sent,
        |entry| entry.state = JobState::Accepted,
        |entry| entry.state = JobState::Saved,
        |entry| entry.state = JobState::Lost,
        |entry| entry.past_charged = Credits::new(10),
        |entry| entry.past_refunded = Credits::new(1),
        |entry| entry.submitted_at = Some(Timestamp::UNIX_EPOCH),
        |entry| entry.finished_at = Some(Timestamp::UNIX_EPOCH),
        |entry| entry.claimed = true,
        |entry| entry.blocked = true,
    ];
    for (number, tamper) in tampered.into_iter().enumerate() {
        let mut entry = Entry::planned(ten, false);
        entry.check().unwrap();
        tamper(&mut entry);
        assert!(entry.check().is_err(), "number {number}");
    }
}

#[test]
fn a_loss_that_was_forgotten_is_found() {
    let fail = JobEvent::Fail {
        error: "no".to_owned(),
        refunded: false,
    };
    let accept = JobEvent::Accept { task: None };
    let (entry, _) = after(&[JobEvent::Send, accept, fail, JobEvent::Restart]);
    for tamper in [
        |entry: &mut Entry| entry.past_losses.clear(),
        |entry: &mut Entry| entry.past_sent_at = None,
    ] {
        let mut tampered = entry.clone();
        tamper(&mut tampered);
        assert!(tampered.check().is_err());
    }
}

proptest! {
    #[test]
    fn every_legal_chain_leads_to_an_entry_that_makes_sense(
        chain in prop::collection::vec(0..15_usize, 0..40),
        reused in any::<bool>(),
    ) {
        let mut entry = Entry::planned(Credits::new(7), reused);
        let mut booked = Booking::default();
        for number in chain {
            let mut tried = entry.clone();
            let outcome = match events().get(number) {
                None => tried.hold().map(|()| Booking::default()),
                Some(event) => tried.apply(std::slice::from_ref(event), Timestamp::UNIX_EPOCH),
            };
            if let Ok(booking) = outcome {
                entry = tried;
                booked.charged = booked.charged.plus(booking.charged).unwrap();
                booked.refunded = booked.refunded.plus(booking.refunded).unwrap();
            }
            prop_assert_eq!(entry.check(), Ok(()));
            prop_assert_eq!(entry.total_charged().unwrap(), booked.charged);
            prop_assert_eq!(entry.total_refunded().unwrap(), booked.refunded);
        }
    }
}
