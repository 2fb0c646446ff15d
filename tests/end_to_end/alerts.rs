//! What a person is told: once per billing period, by a program or an address, and never at the run's cost.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use crate::world::{Done, Sim, World, songs};

/// Appends what it is told, and the key if it gets to see it.
const APPEND: &str = r#"command = ["sh", "-c", 'echo "$0 key ${AIMUSIC_API_KEY-hidden}" >> told']"#;

fn told(world: &World) -> Vec<String> {
    let text = std::fs::read_to_string(world.work().join("told")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn configured(world: &World, alerts: &str) {
    world.write("config.toml", format!("[alerts]\n{alerts}\n"));
}

/// Buys so many songs by a manifest of its own.
fn buy(world: &World, name: &str, jobs: usize) -> Done {
    let manifest = format!("{name}.toml");
    world.write(&manifest, songs(name, jobs));
    world.run(&["run", &manifest, "--config", "config.toml"])
}

/// A request: method, path, and body.
type Heard = (String, String, String);

/// Hears requests on loopback, and answers each with this status.
fn listen(status: &'static str) -> (String, Receiver<Heard>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, heard) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut lines = Vec::new();
            loop {
                let mut line = String::new();
                if stream.read_line(&mut line).unwrap() <= 2 {
                    break;
                }
                lines.push(line.trim_end().to_ascii_lowercase());
            }
            let length = lines
                .iter()
                .find_map(|line| line.strip_prefix("content-length: "));
            let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
            stream.read_exact(&mut body).unwrap();
            let mut words = lines[0].split(' ').map(str::to_owned);
            let heard = (
                words.next().unwrap(),
                words.next().unwrap(),
                String::from_utf8(body).unwrap(),
            );
            let answer = format!(
                "HTTP/1.1 {status}\r\nlocation: /elsewhere\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
            if sender.send(heard).is_err() {
                return;
            }
        }
    });
    (address, heard)
}

fn paths(heard: &Receiver<Heard>) -> Vec<String> {
    let all = heard.try_iter();
    all.map(|(method, path, _)| format!("{method} {path}"))
        .collect()
}

#[test]
fn a_threshold_is_told_once_in_a_period_and_again_in_the_next() {
    let sim = Sim::new(100, &[]);
    let mut world = World::with(&sim);
    world.set("SETLIST_NOW", "2026-11-20T10:00:00Z");
    world.set("SETLIST_PERIOD_BUDGET", "40");
    let thresholds = "balance_below = [50, 90]\nbudget_used = [0.5, 1.0]\non_failure = true";
    configured(&world, &format!("{thresholds}\n{APPEND}"));
    buy(&world, "first", 1).expect(0);
    assert_eq!(told(&world), [""; 0], "90 is not below 90");
    buy(&world, "second", 1).expect(0);
    let account = sim.url.replace("http://", "aimusicapi@");
    let second = format!(
        "setlist: the balance of `{account}` is below 90: 80 credits left; \
         50% of the period's budget of `{account}` is used: 20 of 40 credits key hidden"
    );
    assert_eq!(told(&world), [second]);
    buy(&world, "third", 1).expect(0);
    assert_eq!(told(&world).len(), 1);

    world.set("SETLIST_NOW", "2026-12-02T10:00:00Z");
    buy(&world, "fourth", 1).expect(0);
    buy(&world, "fifth", 1).expect(0);
    let all = told(&world);
    assert_eq!(all.len(), 3, "{all:#?}");
    assert!(all[1].contains("is below 90: 60 credits left"), "{all:#?}");
    assert!(all[2].contains("20 of 40 credits"), "{all:#?}");
}

#[test]
fn of_many_processes_one_tells() {
    let sim = Sim::new(100, &[]);
    let world = World::with(&sim);
    configured(&world, &format!("balance_below = [100]\n{APPEND}"));
    let runs: Vec<_> = (0..4)
        .map(|n| {
            let manifest = format!("m{n}.toml");
            world.write(&manifest, songs(&format!("crowd{n}"), 1));
            world.start(&["run", &manifest, "--config", "config.toml"])
        })
        .collect();
    for run in runs {
        run.finish().expect(0);
    }
    assert_eq!(told(&world).len(), 1, "{:#?}", told(&world));
}

#[test]
fn an_unreachable_webhook_warns_and_is_told_by_the_next_run() {
    let sim = Sim::new(100, &[]);
    let world = World::with(&sim);
    let threshold = "balance_below = [100]";
    let nobody = "webhook = 'http://127.0.0.1:1/T0/secret'";
    configured(&world, &format!("{threshold}\n{nobody}\n{APPEND}"));
    let done = buy(&world, "first", 1).expect(0);
    assert!(
        done.stderr
            .contains("warning: `webhook` of [alerts]: `127.0.0.1` can't be reached"),
        "{done:#?}"
    );
    assert!(!done.stderr.contains("secret"), "{done:#?}");
    assert_eq!(told(&world).len(), 1, "the command was told");

    // A redirect is not followed: who knows to whom.
    let (elsewhere, moved) = listen("302 Found");
    configured(
        &world,
        &format!("{threshold}\nwebhook = '{elsewhere}/T0'\n{APPEND}"),
    );
    let done = buy(&world, "second", 1).expect(0);
    assert!(done.stderr.contains("answers with status 302"), "{done:#?}");
    assert_eq!(paths(&moved), ["post /t0"]);

    let (address, heard) = listen("204 No Content");
    configured(
        &world,
        &format!("{threshold}\nwebhook = '{address}/T0'\n{APPEND}"),
    );
    for name in ["third", "fourth"] {
        let done = buy(&world, name, 1).expect(0);
        assert!(!done.stderr.contains("warning"), "{done:#?}");
    }
    let (_, _, body) = heard.recv_timeout(Duration::from_secs(5)).unwrap();
    let body: Value = serde_json::from_str(&body).unwrap();
    let text = body["text"].as_str().unwrap();
    assert!(text.contains("is below 100: 70 credits left"), "{body:#}");
    assert_eq!(body["alerts"][0]["threshold"], 100, "{body:#}");
    assert_eq!(paths(&heard), [""; 0], "told once");
    assert_eq!(
        told(&world).len(),
        1,
        "what one way has told it does not tell again"
    );
}

#[test]
fn a_run_that_ends_badly_is_told_and_misses_its_heartbeat() {
    let sim = Sim::new(100, &["--faults", "402@2"]);
    let world = World::with(&sim);
    let (address, heard) = listen("200 OK");
    let (hook, failures) = listen("200 OK");
    configured(
        &world,
        &format!("on_failure = true\nheartbeat = '{address}/u'\nwebhook = '{hook}/T0'"),
    );
    buy(&world, "well", 1).expect(0);
    assert_eq!(paths(&heard), ["get /u/start", "get /u"]);
    assert_eq!(paths(&failures), [""; 0]);

    buy(&world, "badly", 1).expect(8);
    assert_eq!(paths(&heard), ["get /u/start", "get /u/fail"]);
    let (_, _, body) = failures.recv_timeout(Duration::from_secs(5)).unwrap();
    let body: Value = serde_json::from_str(&body).unwrap();
    let text = body["text"].as_str().unwrap();
    assert!(
        text.contains("of `badly` did not end well: credits ran out at the provider"),
        "{body:#}"
    );
    assert_eq!(body["exit_code"], 8);
}

#[test]
fn a_signal_ends_a_program_that_tells_and_its_claim() {
    let sim = Sim::new(100, &[]);
    let world = World::with(&sim);
    let command = r#"command = ["sh", "-c", "echo begun > told; sleep 60"]"#;
    configured(&world, &format!("balance_below = [100]\n{command}"));
    world.write("m.toml", songs("hang", 1));
    let run = world.start(&["run", "m.toml", "--config", "config.toml"]);
    sim.until("it tells", |_| !told(&world).is_empty());
    run.signal("-TERM");
    let done = run.finish().expect(0);
    assert!(done.stderr.contains("a signal cut it short"), "{done:#?}");
    configured(&world, &format!("balance_below = [100]\n{APPEND}"));
    buy(&world, "next", 1).expect(0);
    assert_eq!(told(&world).len(), 2, "{:#?}", told(&world));
}

#[test]
fn a_threshold_is_told_while_the_run_goes_on_and_not_again_at_its_end() {
    let sim = Sim::new(100, &["--task-time", "8s"]);
    let world = World::with(&sim);
    let (address, heard) = listen("200 OK");
    let thresholds = "balance_below = [95, 50]\non_failure = true";
    configured(&world, &format!("{thresholds}\nwebhook = '{address}/T0'"));
    buy(&world, "long", 2).expect(0);
    let (_, _, body) = heard.recv_timeout(Duration::from_secs(5)).unwrap();
    let body: Value = serde_json::from_str(&body).unwrap();
    let text = body["text"].as_str().unwrap();
    assert!(text.contains("is below 95: 80 credits left"), "{body:#}");
    let end = (&body["ending"], &body["exit_code"]);
    assert_eq!(end, (&Value::Null, &Value::Null), "it had not ended");
    assert_eq!(paths(&heard), [""; 0], "told once");
}

#[test]
fn of_a_rehearsal_nobody_is_told_unless_asked() {
    let mut world = World::new();
    world.set("SETLIST_SEED", "1");
    let alerts = format!("[alerts]\nbalance_below = [100000]\n{APPEND}\n");
    world.write("config.toml", &alerts);
    buy(&world, "silent", 1).expect(0);
    assert_eq!(told(&world), [""; 0]);
    world.write(
        "config.toml",
        format!("[account]\nprovider = 'simulator'\n{alerts}"),
    );
    buy(&world, "asked", 1).expect(0);
    assert_eq!(told(&world).len(), 1);
}
