//! Input that can't be meant: one clear error each, the right exit code, and nothing sent.
//!
//! The design names no exit code for a ledger that can't be opened; 74 is the `EX_IOERR` of sysexits.

use std::time::Duration;

use crate::world::{Done, Sim, World, songs};

struct Case {
    world: World,
    sim: Sim,
}

impl Case {
    fn new() -> Self {
        let sim = Sim::new(1000, &[]);
        Self {
            world: World::with(&sim),
            sim,
        }
    }

    #[track_caller]
    fn refused(&self, args: &[&str], code: i32, needles: &[&str]) -> Done {
        let done = self.world.run(args).expect(code);
        for needle in needles {
            assert!(
                done.stderr.contains(needle),
                "`{needle}` is not in: {done:#?}"
            );
        }
        assert!(done.took < Duration::from_secs(10), "{:?}", done.took);
        assert_eq!(
            self.sim.audit().requests(),
            0,
            "something was sent: {done:#?}"
        );
        done
    }

    #[track_caller]
    fn manifest(&self, name: &str, text: impl AsRef<[u8]>, needles: &[&str]) {
        self.world.write(name, text);
        self.refused(&["run", name], 2, needles);
    }
}

/// A manifest of one job.
fn job(rest: &str) -> String {
    format!("name = \"bad\"\n[[job]]\nid = \"song\"\n{rest}\n")
}

#[test]
fn keys_types_and_names() {
    let case = Case::new();
    for (text, needles) in [
        ("name = 3\n", &["name", "m.toml:1"][..]),
        ("name = \"x\"\njob = 7\n", &["job", "m.toml:2"]),
        (
            "name = \"x\"\n[budget]\nrun = \"many\"\n[[job]]\nid = \"a\"\noperation = \"suno.create\"\nwith = { description = \"x\" }\n",
            &["run", "m.toml:3"],
        ),
        (
            "name = \"x\"\n[budget]\nrun = -5\n[[job]]\nid = \"a\"\noperation = \"suno.create\"\nwith = { description = \"x\" }\n",
            &["run", "m.toml:3"],
        ),
        ("name = \"x\"\nnmae = \"y\"\n", &["nmae"]),
        ("name = \"x\"\nname = \"y\"\n", &["name", "m.toml:2"]),
        ("name = \"x\n", &["m.toml:1"]),
    ] {
        case.manifest("m.toml", text, needles);
    }
    for (rest, needles) in [
        (
            "operation = \"suno.craete\"\nwith = { description = \"x\" }",
            &["did you mean", "suno.create"][..],
        ),
        (
            "operation = \"suno.create\"\nwith = { descripton = \"x\" }",
            &["descripton", "did you mean `description`"],
        ),
        (
            "operation = \"suno.create\"\ntake = 2\nwith = { description = \"x\" }",
            &["take", "takes"],
        ),
        (
            "operation = \"suno.create\"\ntakes = 0\nwith = { description = \"x\" }",
            &["takes"],
        ),
        (
            "operation = \"suno.create\"\nwith = { description = 3 }",
            &["description"],
        ),
        ("operation = \"suno.wav\"\nwith = { }", &["clip"]),
        (
            "operation = \"suno.create\"\nwith = { description = \"${jobs.nobody.clips[0].clip_id}\" }",
            &["nobody"],
        ),
    ] {
        case.manifest("m.toml", job(rest), needles);
    }
}

#[test]
fn duplicate_keys_and_bombs_in_yaml() {
    let case = Case::new();
    case.manifest("m.yaml", "name: one\nname: two\n", &["name", "m.yaml:2"]);
    case.manifest(
        "m.yaml",
        "name: x\njob:\n  - id: a\n    operation: suno.create\n    with: {description: x, description: y}\n",
        &["description"],
    );
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let alias = format!("*a{}", level - 1);
        bomb += &format!("a{level}: &a{level} [{}]\n", vec![alias; 9].join(", "));
    }
    case.manifest("m.yaml", format!("{bomb}name: bomb\n"), &["m.yaml"]);
    case.manifest("m.yaml", "[".repeat(100_000), &["m.yaml"]);
}

#[test]
fn limits_of_parameters() {
    let case = Case::new();
    let lyrics = "la ".repeat(1001);
    case.manifest(
        "m.toml",
        job(&format!("operation = \"suno.create\"\nwith = {{ model = \"sonic-v4\", tags = \"folk\", lyrics = \"{lyrics}\" }}")),
        &["lyrics", "3000", "3003"],
    );
    for value in ["-1", "11"] {
        case.manifest(
            "m.toml",
            job(&format!("operation = \"producer.cover\"\nwith = {{ clip = \"x\", description = \"y\", cover_strength = {value} }}")),
            &["cover_strength"],
        );
    }
    for value in ["0", "11", "29", "241"] {
        case.manifest(
            "m.toml",
            job(&format!(
                "operation = \"nuro.vocal\"\nwith = {{ lyrics = \"{}\", duration = {value} }}",
                "la ".repeat(110)
            )),
            &["duration"],
        );
    }
    case.manifest(
        "m.toml",
        job("operation = \"suno.create\"\nwith = { description = \"x\", model = \"sonic-v99\" }"),
        &["model"],
    );
}

#[test]
fn the_longest_lyrics_of_a_model_pass() {
    let case = Case::new();
    let lyrics = "l".repeat(3000);
    case.world.write(
        "m.toml",
        job(&format!("operation = \"suno.create\"\nwith = {{ model = \"sonic-v4\", tags = \"folk\", lyrics = \"{lyrics}\" }}")),
    );
    case.world.run(&["check", "m.toml"]).expect(0);
}

#[test]
fn files_that_are_missing_or_broken() {
    let case = Case::new();
    case.refused(&["run", "nowhere.toml"], 2, &["nowhere.toml"]);
    let rows = "for_each = \"rows.csv\"\noperation = \"producer.create\"\nwith = { description = \"${each.brief}\" }";
    case.manifest("m.toml", job(rows), &["rows.csv"]);
    case.world
        .write("rows.csv", "brief,title\none,One\ntwo\nthree,Three\n");
    case.refused(&["run", "m.toml"], 2, &["rows.csv", "3"]);
    case.world.write("rows.csv", b"brief\none\ntw\xff\xfeo\n");
    case.refused(&["run", "m.toml"], 2, &["rows.csv", "UTF-8"]);
    case.world.write("rows.csv", "breif\none\n");
    case.refused(&["run", "m.toml"], 2, &["brief"]);
    case.manifest("m.toml", b"name = \"b\xff\xfe\"\n", &["m.toml", "UTF-8"]);
    std::fs::create_dir(case.world.work().join("folder.toml")).unwrap();
    case.refused(&["run", "folder.toml"], 2, &["folder.toml"]);
}

#[test]
fn a_manifest_of_200_megabytes() {
    let case = Case::new();
    let path = case.world.write("big.toml", "name = \"big\"\n");
    std::fs::OpenOptions::new()
        .write(true)
        .open(path)
        .unwrap()
        .set_len(200 << 20)
        .unwrap();
    let done = case.refused(&["run", "big.toml"], 2, &["big.toml"]);
    assert!(done.took < Duration::from_secs(3), "{:?}", done.took);
    assert!(done.stderr.len() < 4000, "{}", done.stderr.len());
}

#[test]
fn references() {
    let case = Case::new();
    let two = |first: &str, second: &str| {
        format!("name = \"bad\"\n[[job]]\nid = \"one\"\n{first}\n[[job]]\nid = \"two\"\n{second}\n")
    };
    case.manifest(
        "m.toml",
        two(
            "operation = \"lyrics.generate\"\nwith = { description = \"x\" }",
            "operation = \"suno.wav\"\nwith = { clip = \"${jobs.one.clips[0].clip_id}\" }",
        ),
        &["clips", "one"],
    );
    case.manifest(
        "m.toml",
        two(
            "operation = \"suno.cover\"\nwith = { clip = \"${jobs.two.clips[0].clip_id}\", description = \"x\" }",
            "operation = \"suno.cover\"\nwith = { clip = \"${jobs.one.clips[0].clip_id}\", description = \"x\" }",
        ),
        &["`one` needs `two`", "`two` needs `one`"],
    );
}

#[test]
fn paths_out_of_the_output_folder() {
    let case = Case::new();
    for save in [
        "/tmp/stolen.{ext}",
        "../stolen.{ext}",
        "a/../../stolen.{ext}",
        "${each.name}.{ext}",
    ] {
        let rest = format!(
            "for_each = [{{ name = \"../../stolen\" }}]\noperation = \"producer.create\"\n\
             with = {{ description = \"${{each.name}}\" }}\nsave = \"{save}\""
        );
        case.world.write("m.toml", job(&rest));
        let done = case.world.run(&["run", "m.toml"]);
        if save.starts_with('$') {
            // A row's value is one name: refused, or made harmless.
            assert!(matches!(done.code, Some(0 | 2)), "{done:#?}");
        } else {
            assert_eq!(done.code, Some(2), "{save}: {done:#?}");
            assert!(done.stderr.contains("save"), "{done:#?}");
            assert_eq!(case.sim.audit().requests(), 0);
        }
        for folder in [
            case.world.work(),
            case.world.work().join("out"),
            case.world.work().join(".."),
        ] {
            assert!(
                !folder.join("stolen.wav").exists(),
                "{save} left the output folder"
            );
        }
    }
}

#[test]
fn a_ledger_of_a_newer_version() {
    let case = Case::new();
    case.world.write("m.toml", songs("newer", 1));
    case.world.run(&["run", "m.toml"]).expect(0);
    let before = case.sim.audit().requests();
    let ledger = case.world.state().join("setlist/ledger.db");
    let connection = rusqlite::Connection::open(&ledger).unwrap();
    connection
        .pragma_update(None, "user_version", 9_999)
        .unwrap();
    drop(connection);
    let done = case.world.run(&["run", "m.toml", "--fresh"]).expect(74);
    assert!(done.stderr.contains("format 9999"), "{done:#?}");
    assert_eq!(case.sim.audit().requests(), before);
    assert!(done.stderr.contains("ledger"), "{done:#?}");
}

#[test]
fn a_ledger_that_is_no_ledger() {
    let case = Case::new();
    case.world.write("m.toml", songs("noise", 1));
    case.world
        .write("noise.db", "this is no database at all, ".repeat(100));
    case.refused(
        &["run", "m.toml", "--ledger", "noise.db"],
        74,
        &["noise.db"],
    );
}

#[test]
fn a_state_folder_that_can_not_be_written() {
    let case = Case::new();
    case.world.write("m.toml", songs("state", 1));
    case.world.write("a-file", "");
    case.refused(
        &["run", "m.toml", "--ledger", "a-file/ledger.db"],
        74,
        &["a-file"],
    );
    case.refused(
        &["run", "m.toml", "--ledger", "/proc/setlist/ledger.db"],
        74,
        &["/proc/setlist"],
    );
}

#[test]
fn a_full_state_folder() {
    let case = Case::new();
    case.world.write("m.toml", songs("full", 40));
    let folder = case.world.work().join("small");
    std::fs::create_dir(&folder).unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
        .arg(&folder)
        .output()
        .is_ok_and(|output| output.status.success());
    if !mounted {
        eprintln!("skipped: a small tmpfs can't be mounted here");
        return;
    }
    let ledger = folder.join("ledger.db");
    let done = case
        .world
        .run(&["run", "m.toml", "--ledger", ledger.to_str().unwrap()]);
    let audit = case.sim.audit();
    let unmounted = std::process::Command::new("umount")
        .arg(&folder)
        .status()
        .unwrap();
    assert!(unmounted.success());
    assert!(!matches!(done.code, Some(0) | None), "{done:#?}");
    assert!(!done.stderr.contains("panicked"), "{done:#?}");
    assert!(done.stderr.contains("ledger"), "{done:#?}");
    assert!(audit.accepted() < 40, "it went on without a ledger");
}

#[test]
fn keys() {
    let sim = Sim::new(1000, &["--key", "the-right-one"]);
    let mut world = World::with(&sim);
    world.write("m.toml", songs("keys", 2));
    world.set("AIMUSIC_API_KEY", "sk-wrong-0815");
    let done = world.run(&["run", "m.toml"]).expect(3);
    assert!(done.stderr.contains("key"), "{done:#?}");
    assert!(
        !done.stderr.contains("sk-wrong-0815"),
        "the key is shown: {done:#?}"
    );
    world.unset("AIMUSIC_API_KEY");
    let done = world.run(&["run", "m.toml"]).expect(3);
    assert!(done.stderr.contains("AIMUSIC_API_KEY"), "{done:#?}");
    assert_eq!(sim.audit().requests(), 0);

    world.set("AIMUSIC_API_KEY", "the-right-one");
    world.run(&["run", "m.toml"]).expect(0);
    for name in ["spend.csv", "run.json"] {
        let text = std::fs::read_to_string(world.work().join("out/keys").join(name)).unwrap();
        assert!(!text.contains("the-right-one"), "the key is in {name}");
    }
    let ledger = std::fs::read(world.state().join("setlist/ledger.db")).unwrap();
    assert!(!ledger.windows(13).any(|bytes| bytes == b"the-right-one"));
}

#[test]
fn a_key_refused_on_the_way_stops_the_run() {
    let sim = Sim::new(1000, &["--faults", "401@2"]);
    let world = World::with(&sim);
    world.write("m.toml", songs("midway", 5));
    world
        .run(&["run", "m.toml", "--concurrency", "1"])
        .expect(3);
    assert_eq!(sim.audit().requests(), 2, "nothing after the refusal");
    world.run(&["resume"]).expect(0);
    assert_eq!(sim.audit().accepted(), 5);
}
