//! Local files: uploaded once for all that use them, found again by later runs, and uploaded anew when the provider has
//! forgotten them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use sha2::{Digest as _, Sha256};

use crate::world::{Sim, World, sum};

/// The guide's table of uses: a variation, an extension and a swap of the vocals, all of one file.
const REUSE: &str = r#"
name = "reuse"

[[job]]
id = "variation"
operation = "producer.variation"
with = { clip = { file = "track.wav" }, description = "darker" }

[[job]]
id = "more"
operation = "producer.extend"
with = { clip = { file = "track.wav" }, description = "a bridge", at = 5 }

[[job]]
id = "voice"
operation = "producer.swap-vocals"
with = { clip = { file = "./track.wav" }, description = "a choir" }
"#;

fn audio(world: &World, name: &str) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(world.work().join(name), spec).unwrap();
    for step in 0..8_000_i16 {
        writer.write_sample(step.wrapping_mul(7)).unwrap();
    }
    writer.finalize().unwrap();
}

fn uploads(sim: &Sim) -> u64 {
    sim.audit().accepted_of("producer.upload")
}

#[test]
fn a_file_is_uploaded_once_for_all_jobs_and_later_runs() {
    let sim = Sim::new(500, &["--task-time", "50ms", "--era", "2025"]);
    let world = World::of("simulator", &sim);
    audio(&world, "track.wav");
    world.write("m.toml", REUSE);
    let plan = world.run(&["plan", "m.toml"]).expect(0);
    assert!(plan.stdout.contains("upload-track"), "{plan:#?}");
    assert!(plan.stdout.contains("once"), "{plan:#?}");
    world.run(&["run", "m.toml"]).expect(0);
    assert_eq!(uploads(&sim), 1);

    // Another name, the same content; another manifest, the same account.
    std::fs::rename(
        world.work().join("track.wav"),
        world.work().join("same.wav"),
    )
    .unwrap();
    let other = r#"
[[job]]
id = "again"
operation = "producer.variation"
with = { clip = { file = "same.wav" }, description = "lighter" }
"#;
    world.write("other.toml", other);
    world.run(&["run", "other.toml"]).expect(0);
    assert_eq!(uploads(&sim), 1, "the earlier upload is used");
    let rows = world.spend("other");
    let upload = rows.iter().find(|row| row["job"] == "upload-same").unwrap();
    assert_ne!(upload["reused_from"], "");
    assert_eq!(sum(&rows, "charged"), 10);
}

#[test]
fn an_upload_that_the_provider_has_forgotten_is_made_again() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = port.local_addr().unwrap().to_string();
    drop(port);
    let flags = ["--task-time", "50ms", "--listen", &listen];
    let first = Sim::new(500, &flags);
    let world = World::with(&first);
    audio(&world, "track.wav");
    let one = |tags: &str| {
        format!(
            "name = \"one\"\n[[job]]\nid = \"take\"\noperation = \"suno.cover\"\n\
             with = {{ clip = {{ file = \"track.wav\" }}, description = \"{tags}\" }}\n"
        )
    };
    world.write("m.toml", one("jazz"));
    world.run(&["run", "m.toml"]).expect(0);
    drop(first);

    // A provider that knows nothing of before.
    let second = Sim::new(500, &flags);
    world.write("m.toml", one("rock"));
    let done = world.run(&["run", "m.toml"]).expect(1);
    assert_eq!(second.audit().accepted(), 0);
    let rows = world.spend("one");
    let take = rows.iter().find(|row| row["job"] == "take").unwrap();
    assert!(
        take["error"].contains("has forgotten an upload"),
        "{done:#?} {take:?}"
    );
    assert!(take["error"].contains("uploads it again"));
    world.run(&["run", "m.toml"]).expect(0);
    assert_eq!(second.audit().accepted_of("suno.upload"), 1);
    assert_eq!(second.audit().accepted(), 2);
}

#[test]
fn what_is_wrong_with_a_file_is_told_before_anything_is_sent() {
    let sim = Sim::new(500, &[]);
    let world = World::with(&sim);
    world.write("m.toml", REUSE);
    let done = world.run(&["run", "m.toml"]).expect(2);
    assert!(
        done.stderr.contains("`track.wav`, which can't be read"),
        "{done:#?}"
    );
    std::fs::write(world.work().join("track.wav"), "").unwrap();
    let done = world.run(&["check", "m.toml"]).expect(2);
    assert!(
        done.stderr.contains("`track.wav`, which is empty"),
        "{done:#?}"
    );
    assert_eq!(sim.audit().requests(), 0);
}

#[test]
fn a_file_that_changed_under_a_run_is_not_sent() {
    let sim = Sim::new(500, &["--task-time", "2s"]);
    let world = World::with(&sim);
    audio(&world, "track.wav");
    let manifest = r#"
name = "late"
[[job]]
id = "first"
operation = "suno.create"
with = { description = "rain" }
[[job]]
id = "up"
operation = "suno.upload"
needs = ["first"]
with = { url = { file = "track.wav" } }
"#;
    world.write("m.toml", manifest);
    let run = world.start(&["run", "m.toml"]);
    sim.until("the song is under way", |audit| audit.accepted() == 1);
    std::fs::write(world.work().join("track.wav"), "changed").unwrap();
    run.finish().expect(1);
    assert_eq!(sim.audit().accepted(), 1);
    let rows = world.spend("late");
    let up = rows.iter().find(|row| row["job"] == "up").unwrap();
    assert_eq!(up["state"], "skipped");
    assert!(
        up["error"].contains("was changed since the run was planned"),
        "{up:?}"
    );
}

#[test]
fn each_row_can_have_a_file_of_its_own() {
    let sim = Sim::new(500, &["--task-time", "50ms"]);
    let world = World::with(&sim);
    audio(&world, "a.wav");
    std::fs::copy(world.work().join("a.wav"), world.work().join("b.wav")).unwrap();
    let manifest = r#"
name = "rows"
[[job]]
id = "up"
for_each = [{ path = "a.wav" }, { path = "b.wav" }]
operation = "suno.upload"
with = { url = { file = "${each.path}" } }
[[job]]
id = "cover"
for_each = "jobs.up.clips"
operation = "suno.cover"
with = { clip = "${each.clip_id}", description = "jazz" }
"#;
    world.write("m.toml", manifest);
    world.run(&["run", "m.toml"]).expect(0);
    // One content, one upload; and two wishes for the same cover are one.
    assert_eq!(sim.audit().accepted_of("suno.upload"), 1);
}

#[test]
fn a_secret_that_is_called_a_song_is_not_sent() {
    let sim = Sim::new(500, &[]);
    let world = World::with(&sim);
    world.write("m.toml", REUSE);
    world.write("secret.txt", "password = 1234567890");
    let track = world.work().join("track.wav");
    std::os::unix::fs::symlink("secret.txt", &track).unwrap();
    let done = world.run(&["run", "m.toml"]).expect(2);
    assert!(
        done.stderr.contains("which is no audio by its content"),
        "{done:#?}"
    );
    std::fs::remove_file(&track).unwrap();
    let outside = world.state().join("track.wav");
    std::fs::create_dir_all(world.state()).unwrap();
    audio(&world, "own.wav");
    std::fs::rename(world.work().join("own.wav"), &outside).unwrap();
    std::os::unix::fs::symlink(&outside, &track).unwrap();
    let done = world.run(&["run", "m.toml"]).expect(2);
    assert!(
        done.stderr.contains("a link that leads out of its folder"),
        "{done:#?}"
    );
    assert_eq!(sim.audit().requests(), 0);
}

#[test]
fn where_nobody_can_listen_uploads_wait_for_a_resume() {
    let sim = Sim::new(500, &["--task-time", "50ms"]);
    let world = World::with(&sim);
    audio(&world, "track.wav");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap();
    let config = format!("[public]\nurl = \"http://{listen}\"\nlisten = \"{listen}\"\n");
    let config = world.write("config.toml", config);
    let config = config.to_str().unwrap();
    let manifest = r#"
name = "port"
[[job]]
id = "cover"
operation = "suno.cover"
with = { clip = { file = "track.wav" }, description = "jazz" }
"#;
    world.write("m.toml", manifest);
    let done = world.run(&["run", "m.toml", "--config", config]).expect(75);
    assert!(
        done.stderr.contains(&format!("listen at `{listen}`")),
        "{done:#?}"
    );
    assert_eq!(sim.audit().requests(), 0);
    drop(taken);
    world.run(&["resume", "--config", config]).expect(0);
    assert_eq!(sim.audit().accepted_of("suno.upload"), 1);
    assert_eq!(sim.audit().accepted(), 2);
}

/// Asks for an address below a listener; nothing when nobody listens.
fn answer_at(listen: &str, name: &str) -> Option<String> {
    let mut stream = TcpStream::connect(listen).ok()?;
    write!(stream, "GET /{name} HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    Some(String::from_utf8_lossy(&answer).into_owned())
}

#[test]
fn a_file_is_served_while_its_upload_is_under_way() {
    let sim = Sim::new(500, &["--task-time", "1s", "--faults", "slow@1:1s"]);
    let world = World::with(&sim);
    audio(&world, "track.wav");
    let bytes = std::fs::read(world.work().join("track.wav")).unwrap();
    let digest = Sha256::digest(bytes);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let name = format!("{hex}.wav");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = port.local_addr().unwrap().to_string();
    drop(port);
    let config = format!("[public]\nurl = \"http://{listen}\"\nlisten = \"{listen}\"\n");
    world.write("config.toml", config);
    let manifest = r#"
name = "served"
[[job]]
id = "up"
operation = "suno.upload"
with = { url = { file = "track.wav" } }
[[job]]
id = "after"
operation = "suno.create"
needs = ["up"]
with = { description = "rain" }
"#;
    world.write("m.toml", manifest);
    let run = world.start(&["run", "m.toml", "--config", "config.toml"]);
    sim.until("the upload is under way", |audit| {
        audit.accepted_of("suno.upload") == 1
    });
    let answer = answer_at(&listen, &name).unwrap();
    assert!(answer.starts_with("HTTP/1.0 200 "), "{answer:.200}");
    sim.until("the song is under way", |audit| {
        audit.accepted_of("suno.create") == 1
    });
    let answer = answer_at(&listen, &name).unwrap();
    assert!(answer.starts_with("HTTP/1.0 404 "), "{answer:.200}");
    run.finish().expect(0);
}
