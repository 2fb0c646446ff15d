//! Servers that answer what no API answers, on the balance and on a paid request.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use crate::world::{Sim, World, songs, sum};

/// The fault comes with the second paid request, which is charged all the same.
fn in_doubt_and_never_sent_again(fault: &str) {
    let sim = Sim::new(500, &["--faults", &format!("{fault}@2")]);
    let mut world = World::with(&sim);
    world.set("SETLIST_KEEP_DOUBTS", "1");
    world.write("m.toml", songs("doubt", 3));
    world
        .run(&["run", "m.toml", "--concurrency", "1"])
        .expect(5);
    let first = sim.audit();
    assert!(first.accepted() <= 3, "{fault}: {first:#?}");
    let rows = world.spend("doubt");
    assert_eq!(
        sum(&rows, "charged") + sum(&rows, "held"),
        first.charged(),
        "{fault}: {rows:#?}"
    );

    let again = world.run(&["resume"]);
    assert!(matches!(again.code, Some(1 | 5)), "{fault}: {again:#?}");
    let second = sim.audit();
    assert_eq!(second.accepted(), 3, "{fault}: sent again: {second:#?}");
    assert_eq!(second.charged(), 30, "{fault}");
    let rows = world.spend("doubt");
    assert_eq!(
        sum(&rows, "charged") + sum(&rows, "held"),
        30,
        "{fault}: {rows:#?}"
    );
}

#[test]
fn html_for_a_paid_request() {
    in_doubt_and_never_sent_again("html");
}

#[test]
fn half_an_answer_for_a_paid_request() {
    in_doubt_and_never_sent_again("truncate");
}

#[test]
fn fifty_megabytes_for_a_paid_request() {
    in_doubt_and_never_sent_again("huge");
}

#[test]
fn nothing_for_a_paid_request() {
    in_doubt_and_never_sent_again("empty");
}

#[test]
fn a_connection_reset_after_a_paid_request() {
    in_doubt_and_never_sent_again("reset-after");
}

#[test]
fn an_error_answered_after_the_charge() {
    for fault in ["500-after", "502-after"] {
        let sim = Sim::new(500, &["--faults", &format!("{fault}@2")]);
        let mut world = World::with(&sim);
        world.set("SETLIST_KEEP_DOUBTS", "1");
        world.write("m.toml", songs("after", 3));
        let done = world.run(&["run", "m.toml", "--concurrency", "1"]);
        let _again = world.run(&["resume"]);
        let audit = sim.audit();
        assert!(
            audit.accepted() <= 3,
            "{fault} was paid twice: {done:#?} {audit:#?}"
        );
    }
}

#[test]
fn a_decision_on_a_payment_in_doubt_lets_the_run_end() {
    let sim = Sim::new(500, &["--faults", "reset-before@2"]);
    let mut world = World::with(&sim);
    world.set("SETLIST_KEEP_DOUBTS", "1");
    world.write("m.toml", songs("decide", 3));
    let done = world.run(&["run", "m.toml", "--concurrency", "1"]);
    if done.code == Some(5) {
        let listed = world.run(&["resolve", "--json"]).json();
        let job = listed["in_doubt"][0]["job"].as_str().unwrap().to_owned();
        world
            .run(&["resolve", "decide", "--not-charged", &job])
            .expect(0);
        world.run(&["resume"]).expect(0);
    }
    let audit = sim.audit();
    assert_eq!((audit.accepted(), audit.charged()), (3, 30), "{done:#?}");
    assert_eq!(world.charged("decide"), 30);
}

#[test]
fn the_balance_settles_what_a_lost_answer_left_open() {
    for (fault, code, accepted) in [("reset-after", 1, 3), ("reset-before", 0, 3)] {
        let sim = Sim::new(500, &["--faults", &format!("{fault}@2")]);
        let mut world = World::with(&sim);
        world.set("SETLIST_TIMEOUT", "500ms");
        world.write("m.toml", songs("settle", 3));
        let done = world.run(&["run", "m.toml", "--concurrency", "1"]);
        let done = done.expect(code);
        let audit = sim.audit();
        assert_eq!(
            (audit.accepted(), audit.charged()),
            (accepted, 30),
            "{done:#?}"
        );
        assert_eq!(world.charged("settle"), 30, "{done:#?}");
        assert!(
            done.stderr.contains("payment in doubt settled"),
            "{done:#?}"
        );
    }
}

/// Answers every connection with these bytes.
fn server(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let _read = stream.read(&mut request);
            let _written = stream.write_all(&answer);
        }
    });
    url
}

fn answer(kind: &str, length: usize, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn unreachable(bytes: Vec<u8>) {
    let mut world = World::new();
    world.set("SETLIST_PROVIDER", "aimusicapi");
    world.set("SETLIST_BASE_URL", &server(bytes));
    world.write("m.toml", songs("unreachable", 2));
    let done = world.run(&["run", "m.toml"]).expect(75);
    assert!(
        done.stderr.len() < 2000,
        "an answer is not poured out: {}",
        done.stderr.len()
    );
    assert!(done.took < Duration::from_secs(20), "{done:#?}");
}

#[test]
fn html_for_the_balance() {
    let page = b"<!doctype html><h1>It works!</h1>";
    unreachable(answer("text/html", page.len(), page));
}

#[test]
fn half_an_answer_for_the_balance() {
    unreachable(answer("application/json", 40, b"{\"credits\": 1000, "));
}

#[test]
fn fifty_megabytes_for_the_balance() {
    let mut body = b"{\"credits\": 1000, \"padding\": \"".to_vec();
    body.resize(50 << 20, b'x');
    body.extend_from_slice(b"\"}");
    unreachable(answer("application/json", body.len(), &body));
}

#[test]
fn nothing_for_the_balance() {
    unreachable(Vec::new());
}

#[test]
fn nobody_there() {
    let mut world = World::new();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    world.set("SETLIST_PROVIDER", "aimusicapi");
    world.set("SETLIST_BASE_URL", &format!("http://127.0.0.1:{port}"));
    world.write("m.toml", songs("nobody", 2));
    world.run(&["run", "m.toml"]).expect(75);
}
