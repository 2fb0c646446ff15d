use serde_json::json;

use super::*;
use crate::catalog::PriceLists;
use crate::model::Credits;

const JINGLE: &str = r#"
source = "the provider's newsletter"
dated = "2026-11"

[[operation]]
name = "suno.jingle"
title = "makes a jingle"
request = "POST /api/v1/sonic/create"
fixed = { task_type = "jingle_music" }
kind = "sonic-task"
result = "clips"
clips = 3
sets = ["sonic-song", "sonic-model"]

[[prices]]
operation = "suno.jingle"
credits = 4
"#;

fn problems(text: &str) -> Vec<String> {
    match Catalog::with_overlay(text, "mine.toml") {
        Err(CatalogError::Overlay { problems, .. }) => {
            problems.iter().map(ToString::to_string).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_added_operation_is_found_beside_the_built_in_ones() {
    let builtin = Catalog::builtin();
    let catalog = Catalog::with_overlay(JINGLE, "mine.toml").unwrap();
    let jingle = catalog.find("suno.jingle").unwrap();
    assert!(catalog.is_added(jingle));
    for id in builtin.ids() {
        assert_eq!(catalog.get(id).name, builtin.get(id).name);
        assert!(!catalog.is_added(id) && !builtin.is_added(id));
    }
    let asked = |path: &str, task_type: &str| {
        let body = json!({ "task_type": task_type, "prompt": "la" });
        let found = catalog.match_added(path, body.as_object().unwrap());
        found.map(|id| &*catalog.get(id).name)
    };
    let path = "/api/v1/sonic/create";
    assert_eq!(asked(path, "jingle_music"), Some("suno.jingle"));
    assert_eq!(asked(path, "create_music"), None);
    assert_eq!(asked("/api/v1/sonic/upload", "jingle_music"), None);
}

#[test]
fn the_digest_is_of_both_texts() {
    let digest = |text: &str| Catalog::with_overlay(text, "mine.toml").unwrap().digest;
    assert_ne!(digest(JINGLE), Catalog::builtin().digest);
    assert_ne!(
        digest(JINGLE),
        digest(&JINGLE.replace("credits = 4", "credits = 5"))
    );
    assert_eq!(digest(JINGLE), digest(JINGLE));
}

#[test]
fn a_price_list_takes_over_prices_it_does_not_have() {
    let catalog = Catalog::with_overlay(JINGLE, "mine.toml").unwrap();
    let jingle = catalog.find("suno.jingle").unwrap();
    for list in &PriceLists::builtin().lists {
        assert_eq!(list.flat(jingle), None, "{}", list.name);
        let with = list.with_added(&catalog);
        assert_eq!(with.flat(jingle).unwrap().credits, Credits::new(4));
        assert_ne!(with.digest, list.digest);
        for id in Catalog::builtin().ids() {
            assert_eq!(with.flat(id), list.flat(id));
        }
        assert_eq!(list.with_added(Catalog::builtin()).digest, list.digest);
    }
    let own = "name = 'own'\nprices = [{ operation = 'suno.jingle', credits = 9 }]";
    let own = PriceList::parse(own, "own.toml", &catalog).unwrap();
    let priced = own.with_added(&catalog).flat(jingle).unwrap();
    assert_eq!(priced.credits, Credits::new(9), "the list's own price wins");
}

#[test]
fn words_are_added_to_a_list_and_none_is_taken_away() {
    let text = "[lists]\nsonic-models = ['sonic-v7', 'sonic-v6']";
    let catalog = Catalog::with_overlay(text, "mine.toml").unwrap();
    let words = |catalog: &Catalog| {
        let create = catalog.get(catalog.find("suno.create").unwrap());
        match &create.param("model").unwrap().kind {
            crate::catalog::ParamType::Word { allowed } => allowed.clone(),
            other => panic!("{other:?}"),
        }
    };
    let mut expected = words(Catalog::builtin());
    expected.push(("sonic-v7".to_owned(), "sonic-v7".to_owned()));
    assert_eq!(words(&catalog), expected);
}

#[test]
fn a_status_is_changed_at_one_provider() {
    let text = "[[status]]\noperation = 'suno.wav'\nprovider = 'musicapi'\nstatus = 'retired'\ninstead = 'use suno.download'\n\
                [[status]]\noperation = 'nuro.vocal'\nprovider = 'aimusicapi'\nstatus = 'active'";
    let catalog = Catalog::with_overlay(text, "mine.toml").unwrap();
    let at = |name: &str, provider: &str| {
        let id = catalog.find(name).unwrap();
        catalog.availability(id, provider).clone()
    };
    let instead = "use suno.download".to_owned();
    assert_eq!(
        at("suno.wav", "musicapi"),
        Availability::Retired { instead }
    );
    assert_eq!(at("suno.wav", "aimusicapi"), Availability::Active);
    assert_eq!(at("nuro.vocal", "aimusicapi"), Availability::Active);
}

#[test]
fn all_problems_are_told_at_once_with_their_lines() {
    let text = r#"
[[operation]]
name = "suno.create"
title = "mine"
request = "POST /api/v1/mine"
kind = "sonic-task"
result = "clips"
clips = 2

[[operation]]
name = "jingle"
title = "mine"
request = "/api/v1/mine"
kind = "sonic-task"
result = "clips"
sets = ["sonic-sing"]

[[set]]
name = "clip"
params = []
"#;
    assert_eq!(
        problems(text),
        [
            "line 19: `clip` is built in and stays as it is, with what it costs: choose another name",
            "line 3: `suno.create` is built in and stays as it is, with what it costs: choose another name",
            "line 11: operation `jingle`: there is no set `sonic-sing`",
            "line 11: operation `jingle`: `/api/v1/mine` is not a request such as `POST /path`",
            "line 11: operation `jingle`: the name does not begin with a family",
            "line 11: operation `jingle`: an operation gives clips if, and only if, it says how many",
        ]
    );
}

#[test]
fn what_would_be_paid_for_as_another_operation_is_refused() {
    let text = JINGLE.replace("jingle_music", "create_music").replace(
        "credits = 4",
        "credits = 1.5\n[[prices]]\noperation = 'suno.wav'\ncredits = 0\n\
         [[status]]\noperation = 'suno.wavv'\nprovider = 'musicapi'\nstatus = 'active'\n\
         [[status]]\noperation = 'suno.wav'\nprovider = 'musicapi'\nstatus = 'retired'\n\
         [[status]]\noperation = 'suno.wav'\nprovider = 'musicapy'\nstatus = 'active'",
    );
    assert_eq!(
        problems(&text),
        [
            "line 6: operation `suno.jingle`: it sends what `suno.create` sends, and would be charged as that: \
             fix another path, `task_type` or `type`",
            "line 22: there is no operation `suno.wavv`; did you mean `suno.wav`?",
            "line 26: the status of `suno.wav` does not say what to use `instead`",
            "line 30: there is no provider `musicapy`; did you mean `musicapi`?",
            "line 19: `suno.wav` is built in: its price belongs in a price list, `--prices FILE`",
            "line 16: `suno.jingle` costs `1.5`: a price is a whole number of credits, 0 or more",
        ]
    );
}

#[test]
fn wrong_shapes_are_told_at_once() {
    let text =
        "[[status]]\noperation = 1\n[[prices]]\ncredits = 1\n[[nothing]]\n[[status]]\nstate = 2\n";
    let error = Catalog::with_overlay(text, "mine.toml").unwrap_err();
    let CatalogError::Overlay { problems, .. } = error else {
        panic!("{error}");
    };
    let lines: Vec<_> = problems.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [Some(2), Some(3), Some(5), Some(7)], "{problems:#?}");
}

#[test]
fn a_wrong_shape_is_told_with_its_place() {
    for bad in [
        "[[operatoin]]\nname = 'suno.x'",
        "[[status]]\noperation = 'suno.wav'\nprovider = 'x'\nstatus = 'gone'",
        "[[operation]]\nname = 'suno.x'",
    ] {
        let error = Catalog::with_overlay(bad, "mine.toml").unwrap_err();
        assert!(matches!(error, CatalogError::Overlay { .. }), "{bad}");
        assert!(error.to_string().contains("line"), "{error}");
    }
}
