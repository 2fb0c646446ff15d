//! The JSON Schema against manifests: those that are right are valid, those that are wrong are refused by it and by `check`.

use std::path::Path;

use jsonschema::Validator;
use serde_json::Value;
use setlist::catalog::Catalog;
use setlist::manifest::json_schema;

use crate::init::combinations;
use crate::test_env::TestEnv;

fn validator() -> Validator {
    jsonschema::validator_for(&json_schema(Catalog::builtin())).unwrap()
}

fn parsed(name: &str, text: &str) -> Value {
    match name.ends_with(".toml") {
        true => toml::from_str(text).unwrap(),
        false => serde_yaml::from_str(text).unwrap(),
    }
}

#[track_caller]
fn assert_valid(validator: &Validator, name: &str, text: &str) {
    let manifest = parsed(name, text);
    let errors = validator.iter_errors(&manifest);
    let errors: Vec<String> = errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{name}\n{text}\n{}", errors.join("\n"));
}

#[test]
fn it_is_a_schema() {
    let schema = json_schema(Catalog::builtin());
    jsonschema::meta::validate(&schema).unwrap();
}

#[test]
fn the_manifests_of_this_project_are_valid() {
    let validator = validator();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for entry in std::fs::read_dir(root.join("manifests")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.ends_with(".toml") || name.ends_with(".yaml") {
            assert_valid(&validator, name, &std::fs::read_to_string(&path).unwrap());
            seen += 1;
        }
    }
    assert!(seen >= 9, "{seen}");
}

#[test]
fn what_init_writes_is_valid() {
    let validator = validator();
    let env = TestEnv::new();
    for mut args in combinations() {
        args.push("--force");
        env.run_ok(0, &args);
        assert_valid(&validator, args[1], &env.read(args[1]));
        if args[1].ends_with(".toml") {
            args[1] = "-";
            assert_valid(&validator, "-.toml", &env.run_ok(0, &args));
        }
    }
}

/// A manifest of one job.
fn job(rest: &str) -> String {
    format!("[[job]]\nid = \"song\"\n{rest}\n")
}

/// A manifest of one job of an operation.
fn with(operation: &str, with: &str) -> String {
    job(&format!("operation = \"{operation}\"\nwith = {{ {with} }}"))
}

/// A job that is right by itself, behind other keys.
fn beside(rest: &str) -> String {
    format!("{rest}\n{}", with("suno.create", "description = \"x\""))
}

/// A job that is right by itself, and then more of its keys.
fn and(rest: &str) -> String {
    format!("{}{rest}\n", with("suno.create", "description = \"x\""))
}

#[test]
fn what_is_right_is_valid() {
    let validator = validator();
    let env = TestEnv::new();
    env.write("rows.csv", "words,loud,model\nx,true,sonic-v6\n");
    env.write(
        "shared.toml",
        "[defaults.\"suno.create\"]\ndescription = \"x\"\n",
    );
    env.write("hum.wav", "RIFF\x24\0\0\0WAVE");
    for text in [
        beside(
            "name = \"a\"\nprices = \"guide\"\n[limits]\nrate = \" 20 / m \"\ntimeout = \"500ms\"",
        ),
        beside(
            "[provider]\nbase_url = \"http://127.0.0.1:8788\"\nkey_env = \"_KEY_2\"\n[budget]\nrun = 0\nwhen_short = \"fit\"",
        ),
        beside("[provider.simulator]\nfailure_rate = 1\nfaults = [\"silent@1\"]"),
        beside("[vars]\ntext = \"$${x}\"\nlist = [1, { a = \"b\" }]"),
        beside(
            "[profile.dev]\nsample = 1\nbudget.run = 1\nvars.x = 2\ndefaults.\"*\".duration = 30\n[vars]\nx = 1",
        ),
        beside("[defaults.\"*\"]\nquality = \"fast\"\nextra = { a = 1 }"),
        // What a job needs may stand elsewhere.
        format!(
            "include = [\"shared.toml\"]\n{}",
            job("operation = \"suno.create\"")
        ),
        format!(
            "[defaults.\"suno.create\"]\nlyrics = \"la\"\n{}",
            job("operation = \"suno.create\"")
        ),
        format!(
            "[defaults.\"*\"]\ndescription = \"x\"\n{}",
            job("operation = \"music.create\"")
        ),
        format!(
            "[defaults.\"producer.create\"]\ndescription = \"x\"\n{}",
            job("operation = \"music.create\"")
        ),
        and("priority = -2147483648\ntags = [\"a-b\"]\nneeds = []\ntakes = 10000"),
        and("save = \"$name/${take} {n}.{ext}\""),
        with(
            "suno.create",
            "description = \"${each.words}\", instrumental = \"${each.loud}\", model = \"${each.model}\"",
        ) + "for_each = \"rows.csv\"",
        with(
            "suno.create",
            "description = \"${each} ${matrix.key}\", duration = \"${matrix.long}\"",
        ) + "for_each = [\"a\", \"b\"]\nmatrix = { key = [\"C\", \"F\"], long = [10, 20] }",
        with(
            "suno.stems",
            "clip = { file = \"hum.wav\" }, detail = \"full\"",
        ),
        with("suno.upload", "url = { file = \"${matrix.file}\" }")
            + "matrix = { file = [\"hum.wav\"] }",
        with(
            "suno.create",
            "description = \"x\", extra = { new_field = [1] }",
        ),
    ] {
        env.write("right.toml", &text);
        let said = env.run(&["check", "right.toml"]);
        assert!(said.starts_with("exit: 0"), "{text}\n{said}");
        assert_valid(&validator, "right.toml", &text);
    }
}

#[test]
fn what_is_wrong_is_refused_by_the_schema_and_by_check() {
    let validator = validator();
    let env = TestEnv::new();
    env.write("rows.txt", "x\n");
    let long = "x".repeat(201);
    let mut taken = Vec::new();
    for text in [
        // The whole.
        "name = \"a\"".to_owned(),
        "job = []".to_owned(),
        "job = 7".to_owned(),
        beside("colour = \"red\""),
        beside("name = \"\""),
        beside("name = 3"),
        beside("include = \"a.toml\""),
        beside("include = [\"a.json\"]"),
        beside("prices = []"),
        // Settings.
        beside("[provider]\nname = \"sunoapi\""),
        beside("[provider]\nbase_url = \"http://api.example.com\""),
        beside("[provider]\nbase_url = \"https://me@example.com\""),
        beside("[provider]\nkey_env = \"sk-123\""),
        beside("[provider]\nkey = \"x\""),
        beside("[provider.simulator]\nfailure_rate = 1.5"),
        beside("[provider.simulator]\nera = \"2024\""),
        beside("[provider.simulator]\nkey = \"x\""),
        beside("[limits]\nrate = \"0/1m\""),
        beside("[limits]\nrate = 20"),
        beside("[limits]\nconcurrency = 0"),
        beside("[limits]\npoll = \"20\""),
        beside("[limits]\ntimeout = \"0s\""),
        beside("[budget]\nrun = -1"),
        beside("[budget]\nrun = \"many\""),
        beside("[budget]\nkeep = 1.5"),
        beside("[budget]\nwhen_short = \"stop\""),
        beside("[vars]\na = \"${take}\""),
        beside("[vars]\na = [{ b = \"x ${vars.c}\" }]"),
        beside("[defaults.\"suno.sing\"]\ntitle = \"x\""),
        beside("[defaults.\"suno.create\"]\ntitel = \"x\""),
        beside("[defaults.\"*\"]\ntitel = \"x\""),
        beside("[defaults]\n\"*\" = 1"),
        beside("[profile]\ndev = 1"),
        beside("[profile.dev]\njob = []"),
        beside("[profile.dev]\nsample = 0"),
        beside("[profile.dev.budget]\nrunn = 1"),
        beside("[profile.dev.defaults.\"suno.create\"]\ntitel = \"x\""),
        // A job.
        "[[job]]\noperation = \"suno.status\"\nwith = { task = \"t\" }".to_owned(),
        "[[job]]\nid = \"a b\"\noperation = \"suno.status\"\nwith = { task = \"t\" }".to_owned(),
        job(""),
        job("operation = \"suno.sing\""),
        job("operation = \"suno.create\"\nwith = \"x\""),
        and("sav = \"a.wav\""),
        and("priority = 2147483648"),
        and("priority = \"high\""),
        and("priority = 0.5"),
        and("takes = 0"),
        and("takes = 10001"),
        and("tags = \"a\""),
        and("tags = [\"a b\"]"),
        and("needs = \"song\""),
        and("needs = [1]"),
        and("save = \"/a.{ext}\""),
        and("save = \"../a.{ext}\""),
        and("save = \"a//b.{ext}\""),
        and("save = \"a.{kind}\""),
        and("save = \"${jobs.song.task_id}.{ext}\""),
        and("for_each = 3"),
        and("for_each = \"rows.txt\""),
        and("for_each = \"jobs.song\""),
        and("for_each = \"jobs.song.files\""),
        and("for_each = [\"${take}\"]"),
        and("matrix = []"),
        and("matrix = {}"),
        and("matrix = { a = [] }"),
        and("matrix = { a = 1 }"),
        and("matrix = { a = [1, 1] }"),
        and("matrix = { a = [[1]] }"),
        and("matrix = { a = [\"${take}\"] }"),
        // Parameters.
        job("operation = \"suno.create\""),
        job("operation = \"music.create\""),
        with("suno.create", "title = \"x\""),
        with("music.create", "title = \"x\""),
        with("suno.stems", "detail = \"full\""),
        with("suno.wav", ""),
        with(
            "suno.extend",
            "clip = \"c\", description = \"x\", at = \"1:00\"",
        ),
        with("suno.create", "descripton = \"x\""),
        with("suno.create", "description = 5"),
        with("suno.create", "description = \"x\", duration = 5"),
        with("suno.create", "description = \"x\", duration = \"long\""),
        with(
            "suno.create",
            "description = \"x\", duration = \"1${take}\"",
        ),
        with("suno.create", "description = \"x\", instrumental = \"yes\""),
        with("suno.create", "description = \"x\", model = \"sonic-v99\""),
        with("suno.create", "description = \"x\", extra = 1"),
        with(
            "suno.create",
            "description = \"x\", extra = { task_type = \"y\" }",
        ),
        with(
            "suno.create",
            "description = \"x\", extra = { mv = \"sonic-v6\" }",
        ),
        with("music.create", "description = \"x\", quality = \"best\""),
        with("suno.wav", "clip = \"a/b\""),
        with("suno.wav", &format!("clip = \"{long}\"")),
        with("suno.wav", "clip = { path = \"a.wav\" }"),
        with("suno.upload", "url = \"ftp://example.com/a.mp3\""),
        with("suno.upload", "url = \"https:///a.mp3\""),
        with(
            "producer.cover",
            "clip = \"c\", description = \"x\", cover_strength = 2",
        ),
    ] {
        env.write("wrong.toml", &text);
        let said = env.run(&["check", "wrong.toml"]);
        if !said.starts_with("exit: 2") {
            taken.push(format!("`check` takes\n{text}\n{said}"));
        }
        if validator.is_valid(&parsed("wrong.toml", &text)) {
            taken.push(format!("the schema takes\n{text}"));
        }
    }
    assert!(taken.is_empty(), "{}", taken.join("\n"));
}
