//! `setlist init`: what it writes can be used as it is, and what is there stays there.

use insta::assert_snapshot;
use setlist::catalog::Catalog;
use setlist::manifest::json_schema;

use crate::test_env::TestEnv;

const MAKES: [&str; 3] = ["song", "stems", "batch"];
const PROVIDERS: [&str; 3] = ["simulator", "aimusicapi", "musicapi"];
const QUALITIES: [&str; 3] = ["highest", "medium", "fast"];
const FILES: [&str; 2] = ["first.toml", "first.yaml"];

fn init<'a>(file: &'a str, make: &'a str, provider: &'a str, quality: &'a str) -> Vec<&'a str> {
    let mut args = vec!["init", file, "--make", make];
    args.extend(["--provider", provider, "--quality", quality]);
    args
}

/// Returns the commands for all answers there are, in both formats.
pub fn combinations() -> Vec<Vec<&'static str>> {
    let mut all = Vec::new();
    for make in MAKES {
        for provider in PROVIDERS {
            for quality in QUALITIES {
                all.extend(FILES.map(|file| init(file, make, provider, quality)));
            }
        }
    }
    all
}

#[test]
fn every_combination_is_affordable_by_its_own_cap() {
    for args in combinations() {
        let env = TestEnv::new();
        env.run_ok(0, &args);
        env.run_ok(0, &["check", args[1]]);
        env.run_ok(0, &["plan", args[1], "--offline", "--balance", "1000"]);
    }
}

#[test]
fn every_combination_runs_on_the_simulator() {
    for args in combinations() {
        if !args.contains(&"simulator") {
            continue;
        }
        let env = TestEnv::new();
        env.run_ok(0, &args);
        let said = env.run(&["run", args[1], "--seed", "1"]);
        assert_eq!(said, "exit: 0\n--- stdout\n--- stderr\n", "{args:?}");
        let rows = env.run_ok(0, &["report", "--format", "csv"]);
        let saved = rows.lines().filter(|line| line.contains(",saved,"));
        assert_eq!(saved.count(), rows.lines().count() - 1, "{rows}");
    }
}

#[test]
fn without_a_terminal_it_asks_nothing() {
    let env = TestEnv::new();
    assert_snapshot!(env.run(&["init"]), @r"
    exit: 0
    --- stdout
    wrote setlist.schema.json, manifest.toml
    next: setlist run manifest.toml
    --- stderr
    ");
    assert_snapshot!(env.read("manifest.toml"), @r#"
    #:schema ./setlist.schema.json
    # A manifest says what to make, with whom, and what it may cost. `setlist plan` prices it, and spends nothing.
    name = "my-song"

    # The built-in simulator: needs no key, and nothing is spent.
    [provider]
    name = "simulator"

    # Credits. A run never spends more than this; it stops before it would.
    [budget]
    run = 50

    # A job is one kind of work; `setlist costs` lists the operations. This one chooses by quality: highest is Suno,
    # medium and fast are Producer. The words in `with` are yours to change.
    [[job]]
    id = "song"
    operation = "music.create"
    with = { title = "First Light", description = "a warm folk song about the first light over the harbour", quality = "medium" }
    # Below the output folder; {n} counts the files, {ext} is their kind.
    save = "song-{n}.{ext}"
    "#);
    let schema: serde_json::Value = serde_json::from_str(&env.read("setlist.schema.json")).unwrap();
    assert_eq!(schema, json_schema(Catalog::builtin()));
    assert_eq!(env.read("setlist.schema.json"), env.run_ok(0, &["schema"]));
}

#[test]
fn a_batch_has_its_rows_beside_it() {
    let env = TestEnv::new();
    std::fs::create_dir(env.work().join("tapes")).unwrap();
    let args = [
        "init",
        "tapes/night.yml",
        "--make",
        "batch",
        "--provider",
        "musicapi",
        "--no-schema",
    ];
    assert_snapshot!(env.run(&args), @r#"
    exit: 0
    --- stdout
    wrote tapes/night.csv, tapes/night.yml
    next: setlist plan tapes/night.yml --offline
    --- stderr
    "#);
    assert_snapshot!(env.read("tapes/night.csv"), @r#"
    title,description
    Harbour Lights,"slow synthwave, analog pads, no drums"
    Market Morning,"brass and hand drums, joyful"
    "#);
    assert!(env.read("tapes/night.yml").starts_with("# A manifest"));
    assert!(!env.work().join("tapes/setlist.schema.json").exists());
}

#[test]
fn a_variable_stands_for_each_flag() {
    let mut env = TestEnv::new();
    for (name, value) in [
        ("SETLIST_MAKE", "stems"),
        ("SETLIST_PROVIDER", "aimusicapi"),
        ("SETLIST_QUALITY", "highest"),
        ("SETLIST_MAX_CREDITS", "70"),
        ("SETLIST_NAME", "it's \"mine\""),
        ("SETLIST_NO_SCHEMA", "1"),
    ] {
        env.set(name, value);
    }
    env.run_ok(0, &["init", "a b.toml"]);
    let text = env.read("a b.toml");
    for line in [
        "name = \"it's \\\"mine\\\"\"",
        "prices = \"aimusicapi-2026-09\"",
        "name = \"aimusicapi\"",
        "run = 70",
    ] {
        assert!(text.lines().any(|other| other == line), "{line}\n{text}");
    }
    assert!(text.contains("quality = \"highest\"") && text.contains("suno.stems"));
    env.set("SETLIST_FORCE", "true");
    assert_snapshot!(env.run(&["init", "a b.toml", "--json"]), @r#"
    exit: 0
    --- stdout
    {"written":["a b.toml"],"next":"setlist plan 'a b.toml' --offline"}
    --- stderr
    "#);
}

#[test]
fn to_standard_output_it_is_whole() {
    let env = TestEnv::new();
    for make in MAKES {
        let text = env.run_ok(0, &["init", "-", "--make", make]);
        env.write("piped.toml", &text);
        env.run_ok(0, &["check", "piped.toml"]);
        assert!(!text.contains("schema"), "{text}");
    }
    assert_eq!(std::fs::read_dir(env.work()).unwrap().count(), 1);
}

#[test]
fn nothing_that_is_there_is_overwritten_unasked() {
    let env = TestEnv::new();
    env.write("night.toml", "mine");
    env.write("night.csv", "mine");
    let batch = ["init", "night.toml", "--make", "batch"];
    assert_snapshot!(env.run(&batch), @r#"
    exit: 2
    --- stdout
    --- stderr
    error: `night.csv` and `night.toml` are there: nothing was written
    hint: name another file, or overwrite them: --force
    "#);
    std::fs::remove_file(env.work().join("night.toml")).unwrap();
    env.write("setlist.schema.json", "{\"title\": \"mine\"}");
    assert_snapshot!(env.run(&batch), @r#"
    exit: 2
    --- stdout
    --- stderr
    error: `setlist.schema.json` and `night.csv` are there: nothing was written
    hint: name another file, or overwrite them: --force
    hint: or write no schema: --no-schema
    "#);
    assert_eq!(env.read("night.csv"), "mine");
    assert!(!env.work().join("night.toml").exists());
    env.run_ok(0, &["init", "night.toml", "--make", "batch", "--force"]);
    env.run_ok(0, &["check", "night.toml"]);
}

#[test]
fn a_schema_of_ours_is_brought_up_to_date() {
    let env = TestEnv::new();
    env.write(
        "setlist.schema.json",
        "{\"title\": \"A manifest of setlist\"}",
    );
    env.run_ok(0, &["init"]);
    assert_eq!(env.read("setlist.schema.json"), env.run_ok(0, &["schema"]));
}

#[test]
fn a_place_that_can_not_be_written() {
    let env = TestEnv::new();
    std::fs::create_dir(env.work().join("folder.toml")).unwrap();
    assert_snapshot!(env.run(&["init", "folder.toml"]), @r#"
    exit: 2
    --- stdout
    --- stderr
    error: `folder.toml` is a folder
    hint: name a file: folder.toml/manifest.toml
    "#);
    assert_snapshot!(env.run(&["init", "notes.txt"]), @r#"
    exit: 2
    --- stdout
    --- stderr
    error: `notes.txt` ends neither with `.toml` nor with `.yaml` or `.yml`: nothing says how to write it
    "#);
    assert_snapshot!(env.run(&["init", "nowhere/first.toml"]), @r#"
    exit: 74
    --- stdout
    --- stderr
    error: `nowhere/setlist.schema.json` can't be written
    caused by: No such file or directory (os error 2)
    "#);
    assert_snapshot!(env.run(&["init", "--provider", "suno"]), @r#"
    exit: 2
    --- stdout
    --- stderr
    error: no provider is called `suno`; there are `simulator`, `aimusicapi`, `musicapi`
    "#);
    assert_snapshot!(env.run(&["init", "--name", "../up"]), @r#"
    exit: 2
    --- stdout
    --- stderr
    error: invalid value '../up' for '--name <NAME>': a name is one line of text without `/` and `\`

    For more information, try '--help'.
    "#);
    // What was written before the failure is taken back.
    std::fs::create_dir(env.work().join("sub")).unwrap();
    let too_long = format!("sub/{}.toml", "x".repeat(300));
    env.run_ok(74, &["init", &too_long]);
    assert_eq!(
        std::fs::read_dir(env.work().join("sub")).unwrap().count(),
        0
    );
}
