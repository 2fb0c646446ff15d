//! A live run asked and steered from another process.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::world::{Running, Sim, World, songs};

const JOBS: u64 = 8;

fn world(task_time: &str) -> (Sim, World) {
    let sim = Sim::new(500, &["--task-time", task_time]);
    let world = World::with(&sim);
    (sim, world)
}

fn under_way(sim: &Sim, world: &World, name: &str) -> Running {
    let before = sim.audit().accepted();
    let file = format!("{name}.toml");
    world.write(&file, songs(name, JOBS as usize));
    let run = world.start(&["run", &file, "--concurrency", "2"]);
    sim.until("two jobs are under way", |audit| {
        audit.accepted() >= before + 2
    });
    run
}

/// How the latest run stands, once that is so.
fn until(world: &World, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let since = Instant::now();
    loop {
        let status = world.run(&["status", "--json"]).expect(0).json();
        if is_so(&status) {
            return status;
        }
        assert!(
            since.elapsed() < Duration::from_secs(15),
            "never: {what}: {status:#}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn is_idle(status: &Value) -> bool {
    status["live"]["in_flight"] == json!(0) && status["live"]["saving"] == json!(0)
}

fn sockets(world: &World) -> Vec<PathBuf> {
    let folder = world.state().join("setlist/control");
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn a_run_is_paused_and_goes_on_at_another_pace() {
    let (sim, world) = world("500ms");
    let run = under_way(&sim, &world, "steer");
    let told = world.run(&["ctl", "pause"]).expect(0);
    assert!(told.stdout.contains(": paused; "), "{told:#?}");
    let status = until(&world, "nothing runs", is_idle);
    assert_eq!(status["live"]["paused"], json!(true));
    assert_eq!(status["live"]["rate"], json!("1000/1s"));
    let sent = sim.audit().requests();
    assert!((2..JOBS).contains(&sent), "{sent}");
    assert_eq!(
        status["summary"]["done"],
        json!(sent),
        "what runs is collected"
    );
    world.run(&["ctl", "rate", "500/1m"]).expect(0);
    let told = world.run(&["ctl", "concurrency", "4", "steer"]).expect(0);
    assert!(
        told.stdout
            .ends_with(": paused; 0 in flight, 0 being saved; rate 500/1m, concurrency 4\n"),
        "{told:#?}"
    );
    let shown = world.run(&["status"]).expect(0);
    assert!(
        shown.stdout.contains("\nlive      paused; 0 in flight"),
        "{shown:#?}"
    );
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(sim.audit().requests(), sent, "a paused run sends nothing");

    let on = world.run(&["ctl", "go", "--json"]).expect(0).json();
    assert_eq!(on["live"]["paused"], json!(false));
    run.finish().expect(0);
    assert_eq!(sim.audit().accepted(), JOBS);
    assert_eq!(world.charged("steer"), 10 * JOBS);
    assert!(sockets(&world).is_empty(), "the socket goes with the run");
    let late = world.run(&["ctl", "pause"]).expect(2);
    assert!(
        late.stderr.contains("no run of this ledger is live"),
        "{late:#?}"
    );
    let named = world.run(&["ctl", "go", "steer"]).expect(2);
    assert!(named.stderr.contains("is not live"), "{named:#?}");
    assert_eq!(world.run(&["status", "--json"]).json()["live"], json!(null));
}

#[test]
fn a_stop_ends_a_run_as_sigterm_does_however_often_it_is_said() {
    let (sim, world) = world("2s");
    let run = under_way(&sim, &world, "stop");
    let told = world.run(&["ctl", "stop"]).expect(0);
    assert!(told.stdout.contains(": stopping ("), "{told:#?}");
    world.run(&["ctl", "stop"]).expect(0);
    let done = run.finish().expect(143);
    assert_eq!(sim.audit().accepted(), 2, "nothing new is sent");
    assert_eq!(world.charged("stop"), 20, "what runs is collected");
    let resume = done.resume_command();
    let resume: Vec<&str> = resume.iter().map(String::as_str).collect();
    world.run(&resume).expect(0);
    assert_eq!(sim.audit().accepted(), JOBS);
}

#[test]
fn a_paused_run_can_be_stopped() {
    let (sim, world) = world("100ms");
    let run = under_way(&sim, &world, "both");
    world.run(&["ctl", "pause"]).expect(0);
    until(&world, "nothing runs", is_idle);
    world.run(&["ctl", "stop"]).expect(0);
    let done = run.finish().expect(143);
    assert_eq!(done.resume_command()[0], "resume");
}

#[test]
fn a_killed_run_is_not_live_and_a_resume_can_be_steered() {
    let (sim, world) = world("300ms");
    let run = under_way(&sim, &world, "killed");
    world.run(&["ctl", "pause"]).expect(0);
    until(&world, "nothing runs", is_idle);
    run.signal("-KILL");
    assert_eq!(run.finish().code, None);
    assert_eq!(sockets(&world).len(), 1, "nobody was left to remove it");
    assert_eq!(
        world.run(&["status", "--json"]).expect(0).json()["live"],
        json!(null)
    );
    world.run(&["ctl", "go"]).expect(2);

    world.let_leases_run_out();
    let before = sim.audit().accepted();
    let resume = world.start(&["resume", "--concurrency", "2"]);
    sim.until("it goes on", |audit| audit.accepted() > before);
    world.run(&["ctl", "pause"]).expect(0);
    until(&world, "it is paused again", is_idle);
    world.run(&["ctl", "go"]).expect(0);
    resume.finish().expect(0);
    assert_eq!(sim.audit().accepted(), JOBS);
    assert!(sockets(&world).is_empty());
}

#[test]
fn of_several_live_runs_one_must_be_named() {
    let (sim, world) = world("300ms");
    let first = under_way(&sim, &world, "first");
    world.run(&["ctl", "pause"]).expect(0);
    let second = under_way(&sim, &world, "second");
    world.run(&["ctl", "pause", "second"]).expect(0);
    let unclear = world.run(&["ctl", "pause"]).expect(2);
    for word in ["2 runs", "first", "second"] {
        assert!(unclear.stderr.contains(word), "{unclear:#?}");
    }
    world.run(&["ctl", "stop", "first"]).expect(0);
    first.finish().expect(143);
    world.run(&["ctl", "go"]).expect(0);
    second.finish().expect(0);
}

#[test]
fn a_signal_asks_for_one_line() {
    let (sim, world) = world("600ms");
    let run = under_way(&sim, &world, "asked");
    run.signal("-USR1");
    let done = run.finish().expect(0);
    let lines: Vec<&str> = done
        .stderr
        .lines()
        .filter(|line| line.contains(" in flight"))
        .collect();
    assert_eq!(lines.len(), 1, "{done:#?}");
    assert!(lines[0].contains("of 8 jobs ended"), "{lines:?}");
    assert!(lines[0].contains("going; "), "{lines:?}");
    assert_eq!(sim.audit().accepted(), JOBS);
}

#[test]
fn a_bad_client_disturbs_nothing() {
    let (sim, world) = world("300ms");
    let run = under_way(&sim, &world, "rude");
    world.run(&["ctl", "pause"]).expect(0);
    let path = sockets(&world).remove(0);
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    let silent: Vec<UnixStream> = (0..4)
        .map(|_| UnixStream::connect(&path).unwrap())
        .collect();
    let long = "x".repeat(10_000);
    let requests = [
        "\n",
        "{}\n",
        "{\"command\":\"stop\"}",
        "{\"command\":\"rate\",\"rate\":\"0/1s\"}\n",
        "{\"command\":\"rate\",\"rate\":\"1/9999999999h\"}\n",
        "{\"command\":\"concurrency\",\"tasks\":0}\n",
        "{\"command\":\"buy\"}\n",
        &long,
    ];
    for request in requests {
        let mut stream = UnixStream::connect(&path).unwrap();
        // It may hang up before it has all of it.
        drop(stream.write_all(request.as_bytes()));
        drop(stream.shutdown(std::net::Shutdown::Write));
        let mut answer = String::new();
        drop(stream.read_to_string(&mut answer));
        let is_refused = answer.starts_with("{\"refused\":") && answer.len() <= 4096;
        assert!(is_refused || request == long, "{request}: {answer}");
    }
    let status = world.run(&["status", "--json"]).expect(0).json();
    assert_eq!(status["live"]["concurrency"], json!(2));
    world.run(&["ctl", "go"]).expect(0);
    run.finish().expect(0);
    assert_eq!(sim.audit().accepted(), JOBS);
    drop(silent);
}

#[test]
fn a_folder_too_deep_for_a_socket_leaves_the_run_alone() {
    let (sim, mut world) = world("0s");
    let deep = world.work().join("d".repeat(120)).join("ledger.db");
    world.set("SETLIST_LEDGER", &deep.display().to_string());
    world.write("m.toml", songs("deep", 3));
    world.run(&["run", "m.toml"]).expect(0);
    assert_eq!(sim.audit().accepted(), 3);
}
