//! What a person sees when a manifest is wrong.

use insta::assert_snapshot;

use super::{problems, problems_yaml};

const SONG: &str = r#"
[[job]]
id = "song"
operation = "suno.create"
with = { description = "rain" }
"#;

fn after_song(job: &str) -> String {
    problems(&format!("{SONG}\n[[job]]\nid = \"next\"\n{job}"))
}

fn song_with(with: &str) -> String {
    problems(&format!(
        "[[job]]\nid = \"song\"\noperation = \"suno.create\"\nwith = {with}\n"
    ))
}

#[test]
fn all_problems_show_in_one_pass_in_order() {
    let text = r#"
nam = "x"
[limits]
rate = "fast"
pol = "20s"
[provider]
base_url = "http://api.example.com"
[budget]
run = -1
when_short = "fitt"
[[job]]
id = "a b"
operation = "suno.craete"
takes = 0
"#;
    assert_snapshot!(problems(text), @r#"
error: unknown key `nam`
 --> batch.toml:2:1
  |
2 | nam = "x"
  | ^^^ did you mean `name`?

error: `rate` in `limits` can't be read
 --> batch.toml:4:8
  |
4 | rate = "fast"
  |        ^^^^^^ `fast` is not a rate such as `20/1m` or `1/3s`

error: unknown key `pol` in `limits`
 --> batch.toml:5:1
  |
5 | pol = "20s"
  | ^^^ did you mean `poll`?

error: `base_url` in `provider` takes `https`; `http` is for this machine only
 --> batch.toml:7:12
  |
7 | base_url = "http://api.example.com"
  |            ^^^^^^^^^^^^^^^^^^^^^^^^

error: `run` in `budget` takes a whole number from 0 on
 --> batch.toml:9:7
  |
9 | run = -1
  |       ^^

error: `when_short` in `budget` takes `refuse` or `fit`
  --> batch.toml:10:14
   |
10 | when_short = "fitt"
   |              ^^^^^^ did you mean `fit`?

error: `id` in job `a b` takes letters, digits, `_` and `-` only
  --> batch.toml:12:6
   |
12 | id = "a b"
   |      ^^^^^

error: unknown operation `suno.craete` in job `a b`
  --> batch.toml:13:13
   |
13 | operation = "suno.craete"
   |             ^^^^^^^^^^^^^ did you mean `suno.create`?

error: `takes` in job `a b` takes a whole number from 1 to 10000
  --> batch.toml:14:9
   |
14 | takes = 0
   |         ^
"#);
}

#[test]
fn syntax_errors_of_toml_show_all_at_once() {
    assert_snapshot!(problems("a = \nb = 1 2\n[c]\nd = 1\nd = 2\n[c]\n"), @r#"
error: string values must be quoted, expected literal string
 --> batch.toml:1:5
  |
1 | a =
  |     ^

error: string values must be quoted, expected literal string
 --> batch.toml:2:5
  |
2 | b = 1 2
  |     ^^^

error: duplicate key
 --> batch.toml:5:1
  |
5 | d = 2
  | ^

error: duplicate key
 --> batch.toml:6:2
  |
6 | [c]
  |  ^
"#);
}

#[test]
fn syntax_errors_of_yaml_show_their_place() {
    assert_snapshot!(problems_yaml("name: x\njob: [1, 2\nvars: {}\n"), @r#"
error: illegal placement of ':' indicator
 --> batch.yaml:3:5
  |
3 | vars: {}
  |     ^
"#);
    assert_snapshot!(problems_yaml("name: x\nlimits: {}\nname: y\n"), @r#"
error: duplicate key `name`
 --> batch.yaml:3:1
  |
3 | name: y
  | ^^^^
"#);
    assert_snapshot!(problems_yaml("a: 1\n---\nb: 1\n"), @r#"
error: a manifest is one YAML document; a second one starts here
 --> batch.yaml:3:1
  |
3 | b: 1
  | ^
"#);
    assert_snapshot!(problems_yaml("vars: {a: *none}\n"), @r#"
error: alias references unknown anchor
 --> batch.yaml:1:11
  |
1 | vars: {a: *none}
  |           ^
"#);
}

#[test]
fn an_empty_manifest_is_no_manifest() {
    assert_snapshot!(problems(""), @r#"
error: missing key `job`
 --> batch.toml:1:1
  |
1 |
  | ^ one `[[job]]` for each kind of work
"#);
    assert_snapshot!(problems_yaml("# nothing\n"), @r#"
error: `batch.yaml` is empty
"#);
    assert_snapshot!(problems_yaml("- 1\n"), @r#"
error: `batch.yaml` is a list, not a table of keys
"#);
    assert_snapshot!(problems("job = []"), @r#"
error: the manifest has no job
 --> batch.toml:1:7
  |
1 | job = []
  |       ^^
"#);
    assert_snapshot!(problems("job = 1"), @r#"
error: `job` takes a list of tables: begin each with `[[job]]`
 --> batch.toml:1:7
  |
1 | job = 1
  |       ^ this is a whole number
"#);
}

#[test]
fn yaml_points_at_keys_and_values() {
    let text = "
job:
  - id: song
    operation: suno.create
    with:
      description: rain
      title: 1999
      tag: synthwave
    takse: 2
  - operation: suno.create
";
    assert_snapshot!(problems_yaml(text), @r#"
error: `title` in job `song` takes text
 --> batch.yaml:7:14
  |
7 |       title: 1999
  |              ^^^^ this is a number

error: unknown parameter `tag` of `suno.create` in job `song`
 --> batch.yaml:8:7
  |
8 |       tag: synthwave
  |       ^^^ did you mean `tags`?

error: unknown key `takse` in job `song`
 --> batch.yaml:9:5
  |
9 |     takse: 2
  |     ^^^^^ did you mean `takes`?

error: missing key `id` in a job
  --> batch.yaml:10:5
   |
10 |   - operation: suno.create
   |     ^^^^^^^^^ its name: letters, digits, `_` and `-`

error: `suno.create` needs `description`, `lyrics` or `custom_mode` in job `?`
  --> batch.yaml:10:16
   |
10 |   - operation: suno.create
   |                ^^^^^^^^^^^
"#);
}

#[test]
fn an_unknown_operation_is_named() {
    assert_snapshot!(after_song(r#"operation = "tambourine""#), @r#"
error: unknown operation `tambourine` in job `next`
 --> batch.toml:9:13
  |
9 | operation = "tambourine"
  |             ^^^^^^^^^^^^
  |
  = hint: `setlist costs` lists the operations
"#);
    assert_snapshot!(after_song(r#"operation = "music.creat""#), @r#"
error: unknown operation `music.creat` in job `next`
 --> batch.toml:9:13
  |
9 | operation = "music.creat"
  |             ^^^^^^^^^^^^^ did you mean `music.create`?
"#);
}

#[test]
fn parameters_are_checked_by_name_type_and_limits() {
    assert_snapshot!(song_with(r#"{ description = "x", durration = 30 }"#), @r#"
error: unknown parameter `durration` of `suno.create` in job `song`
 --> batch.toml:4:29
  |
4 | with = { description = "x", durration = 30 }
  |                             ^^^^^^^^^ did you mean `duration`?
"#);
    assert_snapshot!(song_with(r#"{ description = "x", zither = 30 }"#), @r#"
error: unknown parameter `zither` of `suno.create` in job `song`
 --> batch.toml:4:29
  |
4 | with = { description = "x", zither = 30 }
  |                             ^^^^^^
  |
  = hint: it takes `description`, `lyrics`, `title`, `tags`, `instrumental`, `auto_lyrics`, `custom_mode`, `model`, `duration`, `negative_tags`, `vocal_gender`, `style_weight` … 13 in all
"#);
    assert_snapshot!(song_with(r#"{ description = 5 }"#), @r#"
error: `description` in job `song` takes text
 --> batch.toml:4:24
  |
4 | with = { description = 5 }
  |                        ^ this is a number
"#);
    assert_snapshot!(song_with(r#"{ description = "x", duration = 0 }"#), @r#"
error: `duration` in job `song` takes a whole number from 10 to 360
 --> batch.toml:4:40
  |
4 | with = { description = "x", duration = 0 }
  |                                        ^ this is 0
"#);
    assert_snapshot!(song_with(r#"{ description = "x", style_weight = 11 }"#), @r#"
error: `style_weight` in job `song` takes a number from 0 to 1
 --> batch.toml:4:44
  |
4 | with = { description = "x", style_weight = 11 }
  |                                            ^^ this is 11
"#);
    assert_snapshot!(song_with(r#"{ description = "x", model = "sonic-v9" }"#), @r#"
error: `model` in job `song` does not take `sonic-v9`
 --> batch.toml:4:37
  |
4 | with = { description = "x", model = "sonic-v9" }
  |                                     ^^^^^^^^^^ did you mean `sonic-v6`?
  |
  = hint: it takes `sonic-v6`, `sonic-v6-wild`, `sonic-v6-mini`, `sonic-v5-5`, `sonic-v5`, `sonic-v4-5-plus`, `sonic-v4-5`, `sonic-v4`, `sonic-v3-5`, `chirp-v5-5`, `chirp-v5`, `chirp-v4-5-plus` … 15 in all
"#);
    assert_snapshot!(song_with(r#"{ description = "x", instrumental = "yes" }"#), @r#"
error: `instrumental` in job `song` takes `true` or `false`
 --> batch.toml:4:44
  |
4 | with = { description = "x", instrumental = "yes" }
  |                                            ^^^^^ this is text
"#);
    assert_snapshot!(song_with(r#"{ description = "x", extra = 1 }"#), @r#"
error: `extra` in job `song` takes a table of fields
 --> batch.toml:4:37
  |
4 | with = { description = "x", extra = 1 }
  |                                     ^ this is a whole number
"#);
    assert_snapshot!(song_with(r#"{ description = "x", extra = { mv = "sonic-v4", x = 1 } }"#), @r#"
error: `extra` in job `song` can't set `mv`, which `model` sets
 --> batch.toml:4:39
  |
4 | with = { description = "x", extra = { mv = "sonic-v4", x = 1 } }
  |                                       ^^ give `model` instead
"#);
    assert_snapshot!(song_with(r#"{ description = "x", title = ["a"] }"#), @r#"
error: `title` in job `song` takes text
 --> batch.toml:4:37
  |
4 | with = { description = "x", title = ["a"] }
  |                                     ^^^^^ this is a list
"#);
    assert_snapshot!(song_with(r#"{ description = "x", duration = "${take}0" }"#), @r#"
error: `duration` in job `song` takes a whole number
 --> batch.toml:4:40
  |
4 | with = { description = "x", duration = "${take}0" }
  |                                        ^^^^^^^^^^ this is text
"#);
}

#[test]
fn limits_follow_the_model() {
    let long = "é".repeat(3001);
    let with = format!(r#"{{ model = "sonic-v4", title = "x", lyrics = "{long}" }}"#);
    let shown = song_with(&with).replace(&long, "é…");
    assert!(
        shown.starts_with(
            "error: `lyrics` in job `song` takes at most 3000 characters with model `sonic-v4`"
        ),
        "{shown}"
    );
    assert!(shown.contains("this has 3001"), "{shown}");
    assert_snapshot!(
        song_with(r#"{ description = "x", model = "sonic-v4", vocal_gender = "female" }"#),
        @r#"
error: `vocal_gender` does not go with model `sonic-v4` in job `song`
 --> batch.toml:4:64
  |
4 | with = { description = "x", model = "sonic-v4", vocal_gender = "female" }
  |                                                                ^^^^^^^^
  |
  = hint: it goes with `sonic-v6`, `sonic-v6-wild`, `sonic-v6-mini`, `sonic-v5-5`, `sonic-v5`, `sonic-v4-5-plus`, `sonic-v4-5`, `chirp-v5-5`, `chirp-v5`, `chirp-v4-5-plus` and `chirp-v4-5`
"#
    );
}

#[test]
fn what_must_stand_together_is_checked() {
    assert_snapshot!(song_with(r#"{ title = "x" }"#), @r#"
error: `suno.create` needs `description`, `lyrics` or `custom_mode` in job `song`
 --> batch.toml:3:13
  |
3 | operation = "suno.create"
  |             ^^^^^^^^^^^^^
"#);
    assert_snapshot!(song_with(r#"{ description = "x", lyrics = "y" }"#), @r#"
error: `description` and `lyrics` can't both be given to `suno.create` in job `song`
 --> batch.toml:4:38
  |
4 | with = { description = "x", lyrics = "y" }
  |                                      ^^^
"#);
    assert_snapshot!(after_song(r#"operation = "suno.extend""#), @r#"
error: `suno.extend` needs `at` in job `next`
 --> batch.toml:9:13
  |
9 | operation = "suno.extend"
  |             ^^^^^^^^^^^^^ where to go on, in seconds from the clip's start

error: `suno.extend` needs `clip` in job `next`
 --> batch.toml:9:13
  |
9 | operation = "suno.extend"
  |             ^^^^^^^^^^^^^ the clip it works on

error: `suno.extend` needs `description`, `lyrics` or `custom_mode` in job `next`
 --> batch.toml:9:13
  |
9 | operation = "suno.extend"
  |             ^^^^^^^^^^^^^
"#);
}

#[test]
fn names_in_templates_are_checked() {
    assert_snapshot!(song_with(r#"{ description = "of ${vars.mod}" }"#), @r#"
error: unknown variable `mod`
 --> batch.toml:4:28
  |
4 | with = { description = "of ${vars.mod}" }
  |                            ^^^^^^^^^^^ there are no variables
"#);
    assert_snapshot!(song_with(r#"{ description = "${each.x}" }"#), @r#"
error: `${each}` without rows
 --> batch.toml:4:25
  |
4 | with = { description = "${each.x}" }
  |                         ^^^^^^^^^ this job has no `for_each`
"#);
    assert_snapshot!(song_with(r#"{ description = "a \" ${take" }"#), @r#"
error: `${` is never closed
 --> batch.toml:4:30
  |
4 | with = { description = "a \" ${take" }
  |                              ^^ close it with `}`, or write `$${` for the characters
"#);
    assert_snapshot!(song_with(r#"{ description = "${tak}" }"#), @r#"
error: unknown name `tak` in `${…}`
 --> batch.toml:4:25
  |
4 | with = { description = "${tak}" }
  |                         ^^^^^^ did you mean `take`?
"#);
    assert_snapshot!(song_with(r#"{ description = "${run.id}" }"#), @r#"
error: `${run.id}` is not known when the batch is planned
 --> batch.toml:4:25
  |
4 | with = { description = "${run.id}" }
  |                         ^^^^^^^^^ of a run there is `${run.date}`
"#);
    assert_snapshot!(song_with(r#"{ description = "${jobs.sing.clips[0].title}" }"#), @r#"
error: unknown job `sing`
 --> batch.toml:4:25
  |
4 | with = { description = "${jobs.sing.clips[0].title}" }
  |                         ^^^^^^^^^^^^^^^^^^^^^^^^^^^ did you mean `song`?
"#);
}

#[test]
fn references_are_checked_against_what_is_given() {
    let clip = |path: &str| {
        after_song(&format!(
            "operation = \"suno.wav\"\nwith = {{ clip = \"${{jobs.{path}}}\" }}"
        ))
    };
    assert_snapshot!(clip("sonng.clips[0].clip_id"), @r#"
error: unknown job `sonng`
  --> batch.toml:10:18
   |
10 | with = { clip = "${jobs.sonng.clips[0].clip_id}" }
   |                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ did you mean `song`?
"#);
    assert_snapshot!(clip("song.clips[0].clipid"), @r#"
error: job `song` gives no `clips[0].clipid`
  --> batch.toml:10:18
   |
10 | with = { clip = "${jobs.song.clips[0].clipid}" }
   |                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ did you mean `clips[0].clip_id`?
"#);
    assert_snapshot!(clip("song.wav_url"), @r#"
error: job `song` gives no `wav_url`
  --> batch.toml:10:18
   |
10 | with = { clip = "${jobs.song.wav_url}" }
   |                  ^^^^^^^^^^^^^^^^^^^^
   |
   = hint: `suno.create` gives `clip_id`, `clips[0].clip_id`, `clips[0].title`, `clips[0].tags`, `clips[0].lyrics`, `clips[0].audio_url`, `clips[0].image_url`, `clips[0].video_url`, `clips[0].duration`, `clips[0].model`, `clips[0].created_at`, `clips[0].label` … 13 in all
"#);
    assert_snapshot!(clip("song.clips[2].clip_id"), @r#"
error: there is no `clips[2].clip_id` of job `song`
  --> batch.toml:10:18
   |
10 | with = { clip = "${jobs.song.clips[2].clip_id}" }
   |                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ `song` gives 2 clips per call × 1 take: 0 to 1
"#);
    assert_snapshot!(clip("song"), @r#"
error: `${jobs.song}` names a job, but nothing that it gives
  --> batch.toml:10:18
   |
10 | with = { clip = "${jobs.song}" }
   |                  ^^^^^^^^^^^^ e.g. `${jobs.ID.clips[0].clip_id}`
"#);
}

#[test]
fn a_path_into_several_jobs_must_say_which() {
    let text = r#"
[[job]]
id = "song"
operation = "suno.create"
takes = 3
with = { description = "rain" }
[[job]]
id = "wav"
operation = "suno.wav"
with = { clip = "${jobs.song.clip_id}" }
[[job]]
id = "wav2"
operation = "suno.wav"
with = { clip = "${jobs.song.clips[6].clip_id}" }
"#;
    assert_snapshot!(problems(text), @r#"
error: `clip_id` of job `song` is not one value
  --> batch.toml:10:18
   |
10 | with = { clip = "${jobs.song.clip_id}" }
   |                  ^^^^^^^^^^^^^^^^^^^^ `song` makes 3 jobs

error: there is no `clips[6].clip_id` of job `song`
  --> batch.toml:14:18
   |
14 | with = { clip = "${jobs.song.clips[6].clip_id}" }
   |                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ `song` gives 2 clips per call × 3 takes: 0 to 5
"#);
}

#[test]
fn what_settles_a_price_must_be_known() {
    let text = r#"operation = "suno.create"
with = { description = "x", model = "${jobs.song.clips[0].model}" }"#;
    assert_snapshot!(after_song(text), @r#"
error: `model` can't come from another job's result: the price may depend on it
  --> batch.toml:10:37
   |
10 | with = { description = "x", model = "${jobs.song.clips[0].model}" }
   |                                     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ known only after that job has run
"#);
    let text = r#"operation = "suno.stems"
with = { clip = "${jobs.song.clips[0].clip_id}", detail = "${jobs.song.clips[0].title}" }"#;
    assert_snapshot!(after_song(text), @r#"
error: `detail` can't come from another job's result: the price may depend on it
  --> batch.toml:10:59
   |
10 | with = { clip = "${jobs.song.clips[0].clip_id}", detail = "${jobs.song.clips[0].title}" }
   |                                                           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ known only after that job has run
"#);
    let text = r#"operation = "suno.stems"
with = { clip = "x", detail = "ful" }"#;
    assert_snapshot!(after_song(text), @r#"
error: `detail` takes `basic` or `full`
  --> batch.toml:10:31
   |
10 | with = { clip = "x", detail = "ful" }
   |                               ^^^^^ did you mean `full`?
"#);
}

#[test]
fn ids_are_plain_and_used_once() {
    let text = r#"
[[job]]
id = "a/b"
operation = "lyrics.generate"
with = { description = "x" }
[[job]]
id = "x"
operation = "lyrics.generate"
with = { description = "x" }
[[job]]
id = "x"
operation = "lyrics.generate"
with = { description = "y" }
"#;
    assert_snapshot!(problems(text), @r#"
error: `id` in job `a/b` takes letters, digits, `_` and `-` only
 --> batch.toml:3:6
  |
3 | id = "a/b"
  |      ^^^^^

error: two jobs are called `x`
  --> batch.toml:11:6
   |
11 | id = "x"
   |      ^^^ the first is in line 7
"#);
}

#[test]
fn circles_are_told_in_order() {
    let text = r#"
[[job]]
id = "a"
operation = "suno.wav"
with = { clip = "${jobs.c.clips[0].clip_id}" }
[[job]]
id = "b"
operation = "lyrics.generate"
needs = ["a"]
with = { description = "x" }
[[job]]
id = "c"
for_each = "jobs.b.results"
operation = "suno.create"
with = { lyrics = "${each.lyrics}" }
"#;
    assert_snapshot!(problems(text), @r#"
error: jobs need one another in a circle: `a` needs `c`, `c` needs `b`, `b` needs `a`
 --> batch.toml:3:6
  |
3 | id = "a"
  |      ^^^
"#);
    let own = "operation = \"lyrics.generate\"\nneeds = [\"next\"]\nwith = { description = \"x\" }";
    assert_snapshot!(after_song(own), @r#"
error: jobs need one another in a circle: `next` needs `next`
 --> batch.toml:8:6
  |
8 | id = "next"
  |      ^^^^^^
"#);
}

#[test]
fn needs_and_for_each_name_what_exists() {
    assert_snapshot!(
        after_song("operation = \"lyrics.generate\"\nneeds = [\"sog\"]\nwith = { description = \"x\" }"),
        @r#"
error: unknown job `sog` in `needs` of job `next`
  --> batch.toml:10:10
   |
10 | needs = ["sog"]
   |          ^^^^^ did you mean `song`?
"#
    );
    let over = |rows: &str| {
        after_song(&format!(
            "operation = \"lyrics.generate\"\nfor_each = {rows}\nwith = {{ description = \"x\" }}"
        ))
    };
    assert_snapshot!(over(r#""jobs.song.results""#), @r#"
error: job `song` gives no `results`
  --> batch.toml:10:12
   |
10 | for_each = "jobs.song.results"
   |            ^^^^^^^^^^^^^^^^^^^ its operation is `suno.create`
"#);
    assert_snapshot!(over(r#""jobs.sung.clips""#), @r#"
error: unknown job `sung` in `for_each`
  --> batch.toml:10:12
   |
10 | for_each = "jobs.sung.clips"
   |            ^^^^^^^^^^^^^^^^^ did you mean `song`?
"#);
    assert_snapshot!(over(r#""jobs.song.clips[0]""#), @r#"
error: `for_each` can't go over `clips[0]` of job `song`
  --> batch.toml:10:12
   |
10 | for_each = "jobs.song.clips[0]"
   |            ^^^^^^^^^^^^^^^^^^^^ `jobs.song.clips` or `jobs.song.results`
"#);
    assert_snapshot!(over(r#""no-such-file.csv""#), @r#"
error: can't read rows from `no-such-file.csv`: No such file or directory (os error 2)
  --> batch.toml:10:12
   |
10 | for_each = "no-such-file.csv"
   |            ^^^^^^^^^^^^^^^^^^
"#);
    assert_snapshot!(over(r#""rows.xlsx""#), @r#"
error: `for_each` takes a file that ends with `.csv`, `.jsonl` or `.ndjson`
  --> batch.toml:10:12
   |
10 | for_each = "rows.xlsx"
   |            ^^^^^^^^^^^
"#);
    assert_snapshot!(over(r#"["${vars.x}"]"#), @r#"
error: `${…}` has no meaning in the rows of `for_each`
  --> batch.toml:10:13
   |
10 | for_each = ["${vars.x}"]
   |             ^^^^^^^^^^^ write `$${` for the characters
"#);
    assert_snapshot!(over("7"), @r#"
error: `for_each` in job `next` takes a file, `jobs.ID.clips`, or a list of rows
  --> batch.toml:10:12
   |
10 | for_each = 7
   |            ^ this is a whole number
"#);
}

#[test]
fn files_are_saved_below_the_folder_only() {
    let save = |path: &str| {
        after_song(&format!(
            "operation = \"lyrics.generate\"\nsave = '{path}'\nwith = {{ description = \"x\" }}"
        ))
    };
    assert_snapshot!(save("../x.{ext}"), @r#"
error: `save` in job `next` takes a path below the output folder, without `.` and `..`
  --> batch.toml:10:8
   |
10 | save = '../x.{ext}'
   |        ^^^^^^^^^^^^
"#);
    assert_snapshot!(save("/etc/x"), @r#"
error: `save` in job `next` takes a relative path with a name between all `/`, such as `cues/a.{ext}`
  --> batch.toml:10:8
   |
10 | save = '/etc/x'
   |        ^^^^^^^^
"#);
    assert_snapshot!(save("a/{x}"), @r#"
error: `save` in job `next` has a `{` or `}` that is neither `{ext}` nor `{n}`
  --> batch.toml:10:8
   |
10 | save = 'a/{x}'
   |        ^^^^^^^
"#);
    assert_snapshot!(save("${jobs.song.clips[0].title}.{ext}"), @r#"
error: `save` in job `next` names a result, which is not known before the job has run
  --> batch.toml:10:8
   |
10 | save = '${jobs.song.clips[0].title}.{ext}'
   |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
"#);
}

#[test]
fn defaults_are_checked_where_they_stand() {
    let text = format!(
        "[defaults.\"suno.creat\"]\nmodel = \"x\"\n[defaults.\"suno.create\"]\nmoodel = \"x\"\n[defaults.\"*\"]\nzither = 1\n{SONG}"
    );
    assert_snapshot!(problems(&text), @r#"
error: unknown operation `suno.creat` in `defaults`
 --> batch.toml:1:11
  |
1 | [defaults."suno.creat"]
  |           ^^^^^^^^^^^^ did you mean `suno.create`?

error: unknown parameter `moodel` of `suno.create`
 --> batch.toml:4:1
  |
4 | moodel = "x"
  | ^^^^^^ did you mean `model`?

error: unknown parameter `zither` of `*`
 --> batch.toml:6:1
  |
6 | zither = 1
  | ^^^^^^
"#);
}

#[test]
fn a_wrong_default_is_told_once() {
    let text = format!(
        "[defaults.\"*\"]\nduration = 1000\n{SONG}\n{}",
        SONG.replace("\"song\"", "\"other\"")
    );
    assert_snapshot!(problems(&text), @r#"
error: `duration` in `defaults` takes a whole number from 10 to 360
 --> batch.toml:2:12
  |
2 | duration = 1000
  |            ^^^^ this is 1000
"#);
}

#[test]
fn what_comes_later_is_not_promised() {
    let text = format!("{SONG}when = \"monday\"\n");
    assert_snapshot!(problems(&text), @r#"
error: unknown key `when` in job `song`
 --> batch.toml:6:1
  |
6 | when = "monday"
  | ^^^^
  |
  = hint: the keys are `id`, `operation`, `with`, `needs`, `takes`, `for_each`, `matrix`, `priority`, `tags` and `save`
"#);
}

#[test]
fn keys_are_never_read_from_a_manifest() {
    let text = format!("[provider]\nkey_env = \"sk-abc.def\"\nkey = \"sk_secret\"\n{SONG}");
    assert_snapshot!(problems(&text), @r#"
error: `key_env` in `provider` takes the name of an environment variable, never a key
 --> batch.toml:2:11
  |
2 | key_env = "sk-abc.def"
  |           ^^^^^^^^^^^^ letters, digits and `_`

error: unknown key `key` in `provider`
 --> batch.toml:3:1
  |
3 | key = "sk_secret"
  | ^^^
  |
  = hint: the keys are `name`, `base_url`, `key_env` and `simulator`
"#);
}

#[test]
fn at_most_fifty_problems_are_shown() {
    let text: String = (0..60).map(|at| format!("bad{at} = 1\n")).collect();
    let shown = problems(&text);
    assert_eq!(shown.matches("error: unknown key").count(), 49);
    assert!(shown.ends_with("and 11 more"), "{shown}");
}

#[test]
fn programs_get_the_same_as_json() {
    let problems = super::read(
        "nmae = \"ä\"",
        super::Format::Toml,
        std::path::Path::new(""),
    );
    let json = problems.unwrap_err().to_json();
    assert_eq!(json[1]["kind"], "key");
    assert_eq!(json[1]["message"], "unknown key `nmae`");
    assert_eq!(json[1]["label"], "did you mean `name`?");
    assert_eq!(
        (&json[1]["line"], &json[1]["column"]),
        (&1.into(), &1.into())
    );
    assert_eq!(
        (&json[1]["end_line"], &json[1]["end_column"]),
        (&1.into(), &5.into())
    );
}
