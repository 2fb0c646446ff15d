//! Jobs for each combination of values.

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::manifest::Format;

use super::{Job, jobs, read};

fn ids(jobs: &[Job]) -> Vec<&str> {
    jobs.iter().map(|job| job.id.as_str()).collect()
}

fn inputs(job: &Job) -> Value {
    serde_json::from_str(&job.inputs).unwrap()
}

const TOML: &str = r#"
[[job]]
id = "cue"
matrix = { style = ["jazz", "dub"], model = ["sonic-v5", "sonic-v6", "sonic-v4"] }
operation = "suno.create"
with = { description = "${matrix.style}, slow", model = "${matrix.model}" }
save = "${matrix.style}/${matrix.model}-{n}.{ext}"
"#;

#[test]
fn each_combination_is_a_job_the_first_key_slowest() {
    let all = jobs(TOML);
    assert_eq!(
        ids(&all),
        ["cue[1]", "cue[2]", "cue[3]", "cue[4]", "cue[5]", "cue[6]"]
    );
    let told: Vec<_> = all
        .iter()
        .map(|job| {
            (
                inputs(job)["description"].clone(),
                inputs(job)["model"].clone(),
            )
        })
        .collect();
    assert_eq!(told[0], (json!("jazz, slow"), json!("sonic-v5")));
    assert_eq!(told[2], (json!("jazz, slow"), json!("sonic-v4")));
    assert_eq!(told[3], (json!("dub, slow"), json!("sonic-v5")));
}

#[test]
fn toml_and_yaml_make_the_same_jobs() {
    let yaml = r#"
job:
  - id: cue
    matrix: {style: [jazz, dub], model: [sonic-v5, sonic-v6, sonic-v4]}
    operation: suno.create
    with: {description: "${matrix.style}, slow", model: "${matrix.model}"}
    save: "${matrix.style}/${matrix.model}-{n}.{ext}"
"#;
    let prints = |jobs: Vec<Job>| {
        jobs.iter()
            .map(|job| job.fingerprint.clone())
            .collect::<Vec<_>>()
    };
    let yaml = super::expand(&read(yaml, Format::Yaml, Path::new("")).unwrap());
    assert_eq!(prints(yaml.unwrap()), prints(jobs(TOML)));
}

#[test]
fn a_value_keeps_its_type_and_can_choose_the_operation() {
    let all = jobs(
        r#"
[[job]]
id = "song"
matrix = { quality = ["highest", "fast"] }
operation = "music.create"
with = { description = "rain", quality = "${matrix.quality}" }
[[job]]
id = "long"
matrix = { duration = [30, 60] }
operation = "suno.create"
with = { description = "rain", duration = "${matrix.duration}" }
"#,
    );
    let operations: Vec<_> = all.iter().map(|job| job.operation.as_str()).collect();
    assert_eq!(
        operations,
        [
            "suno.create",
            "producer.create",
            "suno.create",
            "suno.create"
        ]
    );
    assert_eq!(inputs(&all[3])["duration"], json!(60));
}

#[test]
fn what_is_wrong_with_a_matrix_is_told_at_its_place() {
    for (matrix, with, told) in [
        ("{}", "x", "`matrix` in job `a` has no key"),
        (
            "{ s = [] }",
            "${matrix.s}",
            "`s` in the `matrix` of job `a` is empty",
        ),
        ("{ s = 'x' }", "${matrix.s}", "takes a list"),
        ("{ s = ['x', 'x'] }", "${matrix.s}", "has this value twice"),
        ("{ s = [['x']] }", "${matrix.s}", "takes text, numbers"),
        (
            "{ s = ['x'] }",
            "${matrix.z}",
            "unknown key `z` of the matrix",
        ),
        (
            "{ s = ['x'] }",
            "plain",
            "`s` in the `matrix` of job `a` is used nowhere",
        ),
        (
            "{ s = ['${vars.x}'] }",
            "${matrix.s}",
            "has no meaning in a `matrix`",
        ),
    ] {
        let text = format!(
            "[[job]]\nid = 'a'\nmatrix = {matrix}\noperation = 'suno.create'\nwith = {{ description = '{with}' }}\n"
        );
        let problems = super::problems(&text);
        assert!(problems.contains(told), "{matrix}: {problems}");
    }
    let many: Vec<String> = (0..400).map(|n| n.to_string()).collect();
    let list = format!("[{}]", many.join(","));
    let text = format!(
        "[[job]]\nid = 'a'\nmatrix = {{ x = {list}, y = {list} }}\noperation = 'suno.create'\n\
         with = {{ description = '${{matrix.x}} ${{matrix.y}}' }}\n"
    );
    let problems = super::problems(&text);
    assert!(
        problems.contains("more than 100000 combinations"),
        "{problems}"
    );
    let plain =
        "[[job]]\nid = 'a'\noperation = 'suno.create'\nwith = { description = '${matrix.x}' }\n";
    let problems = super::problems(plain);
    assert!(
        problems.contains("unknown key `x` of the matrix"),
        "{problems}"
    );
}

proptest! {
    #[test]
    fn the_number_of_jobs_is_the_product_of_its_parts(
        axes in prop::collection::vec(1_usize..4, 0..3),
        rows in prop::option::of(0_usize..4),
        takes in 1_usize..4,
    ) {
        let mut text = String::from("[[job]]\nid = 'a'\noperation = 'suno.create'\n");
        let mut words = String::from("x");
        if !axes.is_empty() {
            let keys: Vec<String> = axes
                .iter()
                .enumerate()
                .map(|(key, count)| {
                    words.push_str(&format!(" ${{matrix.k{key}}}"));
                    let values: Vec<String> = (0..*count).map(|value| value.to_string()).collect();
                    format!("k{key} = [{}]", values.join(", "))
                })
                .collect();
            text.push_str(&format!("matrix = {{ {} }}\n", keys.join(", ")));
        }
        if let Some(rows) = rows {
            let list: Vec<String> = (0..rows).map(|row| format!("'r{row}'")).collect();
            text.push_str(&format!("for_each = [{}]\n", list.join(", ")));
            words.push_str(" ${each}");
        }
        text.push_str(&format!("takes = {takes}\nwith = {{ description = \"{words}\" }}\n"));
        let all = jobs(&text);
        let product: usize = axes.iter().product();
        prop_assert_eq!(all.len(), product * rows.unwrap_or(1) * takes);
        let mut prints: Vec<_> = all.iter().map(|job| job.fingerprint.clone()).collect();
        prints.sort_unstable();
        prints.dedup();
        prop_assert_eq!(prints.len(), all.len(), "all are different jobs");
        let mut names = ids(&all);
        names.sort_unstable();
        names.dedup();
        prop_assert_eq!(names.len(), all.len(), "and have different names");
    }
}
