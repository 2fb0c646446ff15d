//! What is charged, by the simulator's books, by the guide's table and by the reports; and what is never charged again.

use std::collections::BTreeMap;

use crate::world::{Sim, World, project, songs, sum};

const HEADER: &str = "run,job,operation,family,state,price,held,charged,refunded,price_list,attempts,task_id,clip_ids,\
                      submitted_at,finished_at,files,reused_from,error";

/// The guide's rows under the names of the catalog, in the order of the fixture.
const OPERATIONS: [&str; 25] = [
    "suno.create",
    "suno.extend",
    "suno.concat",
    "suno.cover",
    "suno.stems-basic",
    "suno.stems-full",
    "suno.persona",
    "suno.persona-music",
    "suno.wav",
    "suno.midi",
    "suno.upload",
    "suno.status",
    "producer.create",
    "producer.extend",
    "producer.cover",
    "producer.replace",
    "producer.variation",
    "producer.swap-vocals",
    "producer.swap-instrumental",
    "producer.upload",
    "producer.download",
    "nuro.vocal",
    "nuro.instrumental",
    "nuro.status",
    "lyrics.generate",
];

fn guide() -> BTreeMap<String, u64> {
    let mut reader = csv::Reader::from_path(project().join("tests/data/guide-costs.csv")).unwrap();
    let credits: Vec<u64> = reader
        .records()
        .map(|row| row.unwrap()[2].parse().unwrap())
        .collect();
    assert_eq!(credits.len(), 25);
    OPERATIONS
        .into_iter()
        .map(str::to_owned)
        .zip(credits)
        .collect()
}

/// The tour, with a cut that lies within the simulator's short clips.
fn tour(world: &World) -> String {
    let text = std::fs::read_to_string(project().join("manifests/tour.toml")).unwrap();
    let path = world.write("tour.toml", text.replace("at = 45", "at = 3"));
    path.to_str().unwrap().to_owned()
}

#[test]
fn the_25_operations_cost_what_the_guide_says() {
    let sim = Sim::new(300, &["--audio-seconds", "60"]);
    // Only there are all of the guide's operations still offered.
    let world = World::of("simulator", &sim);
    let tour = &tour(&world);

    let plan = world
        .run(&["plan", tour, "--offline", "--balance", "300", "--json"])
        .expect(0)
        .json();
    assert_eq!(plan["job_count"], 25);
    assert_eq!(plan["total_credits"], 300);
    let planned: BTreeMap<String, u64> = plan["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| {
            (
                job["operation"].as_str().unwrap().to_owned(),
                job["credits"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(planned, guide());

    // Whether the files arrive is the next test's question.
    let _done = world.run(&["run", tour]);
    let audit = sim.audit();
    assert_eq!(audit.charged(), 300);
    assert_eq!(audit.0["balance"]["credits"], 0);
    for (operation, credits) in guide() {
        // Reading a task is no paid request, so the books may leave it out.
        let booked = audit.charged_by_operation().get(&operation).copied();
        assert_eq!(booked.unwrap_or(0), credits, "{operation}");
        assert!(
            booked.is_some() || operation.ends_with(".status"),
            "{operation}"
        );
    }

    let text = std::fs::read_to_string(world.work().join("out/tour/spend.csv")).unwrap();
    assert_eq!(text.lines().next().unwrap().trim_end(), HEADER);
    let rows = world.spend("tour");
    let charged: BTreeMap<String, u64> = rows
        .iter()
        .map(|row| (row["operation"].clone(), row["charged"].parse().unwrap()))
        .collect();
    assert_eq!(charged, guide());
    assert!(
        rows.iter()
            .all(|row| row["price"] == row["charged"] && row["held"] == "0")
    );

    let run = world.run_json("tour");
    assert_eq!(run["summary"]["charged"], 300);
    assert_eq!(run["summary"]["opening"], 300);
    assert_eq!(run["summary"]["closing"], 0);
    assert_eq!(run["summary"]["unexplained"], 0);
    let jobs = run["jobs"].as_array().unwrap();
    assert_eq!(jobs.len(), rows.len());
    for (job, row) in jobs.iter().zip(&rows) {
        assert_eq!(job["id"], row["job"].as_str());
        assert_eq!(job["charged"].to_string(), row["charged"]);
        assert_eq!(job["state"], row["state"].as_str());
    }
}

#[test]
fn every_file_of_a_report_exists_and_wav_files_are_wav() {
    let sim = Sim::new(300, &["--audio-seconds", "60"]);
    let world = World::of("simulator", &sim);
    world.run(&["run", &tour(&world)]).expect(0);
    let run = world.run_json("tour");
    let out = world.work().join("out/tour");
    let (mut files, mut wavs) = (0, 0);
    for job in run["jobs"].as_array().unwrap() {
        for file in job["files"].as_array().unwrap() {
            let name = file.as_str().or(file["path"].as_str()).unwrap();
            let bytes = std::fs::read(out.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(!bytes.is_empty(), "{name}");
            files += 1;
            if name.ends_with(".wav") {
                assert!(bytes.starts_with(b"RIFF"), "{name}");
                wavs += 1;
            }
        }
    }
    assert!(files >= 20, "{files} files");
    assert!(wavs >= 15, "{wavs} WAV files");
}

#[test]
fn the_simulator_is_used_as_its_first_lines_say_without_a_key() {
    let sim = Sim::new(100, &[]);
    let mut world = World::of("simulator", &sim);
    world.unset("AIMUSIC_API_KEY");
    world.write("m.toml", songs("keyless", 1));
    world.run(&["run", "m.toml"]).expect(0);
    assert!(!world.spend("keyless")[0]["files"].is_empty());
}

#[test]
fn a_second_run_costs_nothing_and_a_new_row_costs_only_itself() {
    let sim = Sim::new(1000, &[]);
    let world = World::with(&sim);
    let manifest = |id: &str| {
        format!(
            "name = \"rows\"\n[[job]]\nid = \"{id}\"\nfor_each = \"rows.csv\"\n\
             operation = \"producer.create\"\nwith = {{ description = \"${{each.brief}}\" }}\n"
        )
    };
    world.write("m.toml", manifest("cue"));
    world.write("rows.csv", "brief\none\ntwo\nthree\n");
    world.run(&["run", "m.toml"]).expect(0);
    assert_eq!(sim.audit().charged(), 30);

    world.run(&["run", "m.toml"]).expect(0);
    assert_eq!(sim.audit().requests(), 3, "the second run bought");
    assert_eq!(world.charged("rows"), 0);
    assert!(
        world
            .spend("rows")
            .iter()
            .all(|row| !row["reused_from"].is_empty())
    );

    world.write("rows.csv", "brief\none\ntwo\nbetween\nthree\n");
    world.run(&["run", "m.toml"]).expect(0);
    assert_eq!(sim.audit().charged(), 40, "only the new row");
    assert_eq!(world.charged("rows"), 10);

    world.write("m.toml", manifest("renamed"));
    world.run(&["run", "m.toml"]).expect(0);
    assert_eq!(sim.audit().charged(), 40, "a name is no input");

    world.run(&["run", "m.toml", "--fresh"]).expect(0);
    assert_eq!(sim.audit().charged(), 80);
    assert_eq!(sum(&world.spend("rows"), "charged"), 40);
}

#[test]
fn too_few_credits_before_the_start_send_nothing() {
    for (credits, flags) in [
        (79, &[][..]),
        (0, &[]),
        (100, &["--max-credits", "79"]),
        (100, &["--period-budget", "79"]),
        (100, &["--keep", "21"]),
    ] {
        let sim = Sim::new(credits, &[]);
        let world = World::with(&sim);
        world.write("m.toml", songs("short", 8));
        let args: Vec<&str> = ["run", "m.toml"].iter().chain(flags).copied().collect();
        let done = world.run(&args).expect(4);
        assert!(done.stderr.contains("nothing was started"), "{done:#?}");
        assert_eq!(sim.audit().requests(), 0, "{flags:?}");
    }
}

#[test]
fn exactly_enough_credits_are_enough() {
    let sim = Sim::new(100, &[]);
    let world = World::with(&sim);
    world.write("m.toml", songs("exact", 8));
    let limits = [
        "--max-credits",
        "80",
        "--period-budget",
        "80",
        "--keep",
        "20",
    ];
    world
        .run(&[&["run", "m.toml"][..], &limits].concat())
        .expect(0);
    assert_eq!(sim.audit().charged(), 80);
}

#[test]
fn a_failed_task_is_refunded_in_the_books() {
    let sim = Sim::new(100, &["--faults", "failed-clips@2"]);
    let world = World::with(&sim);
    world.write("m.toml", songs("refund", 3));
    world
        .run(&["run", "m.toml", "--concurrency", "1"])
        .expect(1);
    let audit = sim.audit();
    let rows = world.spend("refund");
    assert_eq!(audit.0["refunded"], 10);
    assert_eq!(sum(&rows, "charged"), audit.charged());
    assert_eq!(sum(&rows, "refunded"), 10);
    let summary = &world.run_json("refund")["summary"];
    assert_eq!(summary["closing"], 80);
    assert_eq!(summary["unexplained"], 0);
}

#[test]
fn a_result_is_kept_as_it_was_received() {
    let sim = Sim::new(100, &[]);
    let mut world = World::with(&sim);
    world.set("AIMUSIC_API_KEY", "words");
    world.write("m.toml", songs("words", 1));
    world.run(&["run", "m.toml"]).expect(0);
    let run = world.run_json("words");
    assert_eq!(run["jobs"][0]["result"]["clips"][0]["tags"], "words 1");
}

#[test]
fn what_the_books_can_not_explain_is_given_a_cause_that_adds_up() {
    let sim = Sim::new(100, &["--charge", "aimusicapi-2026-09"]);
    let world = World::with(&sim);
    let manifest = "name = \"dear\"\n[[job]]\nid = \"song\"\ntakes = 3\noperation = \"suno.create\"\n\
                    with = { description = \"rain\", model = \"sonic-v5\" }\n";
    world.write("m.toml", manifest);
    let done = world.run(&["run", "m.toml"]).expect(0);
    let cause = "`suno.create` was charged 14, not 10, as the price list `aimusicapi-2026-09` says: 3 jobs × 4 = 12";
    assert!(
        done.stderr.contains(&format!("Likely cause: {cause}.")),
        "{done:#?}"
    );
    let summary = &world.run_json("dear")["summary"];
    assert_eq!(summary["unexplained"], -12);
    let likely = &summary["explanation"]["likely"][0];
    assert_eq!(likely["kind"], "wrong_price");
    assert_eq!(
        (&likely["charged"], &likely["credits"]),
        (&14.into(), &(-12).into())
    );
    assert_eq!(likely["words"], cause);
}

/// The words of the causes in a run's report, certain ones first.
fn causes(world: &World, manifest: &str) -> Vec<String> {
    let explanation = &world.run_json(manifest)["summary"]["explanation"];
    let of = |key: &str| explanation[key].as_array().unwrap().clone();
    let all = of("placed").into_iter().chain(of("likely"));
    all.map(|cause| cause["words"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn what_somebody_else_buys_meanwhile_is_not_taken_for_a_price() {
    let sim = Sim::new(100, &["--faults", "slow@1:150ms"]);
    let world = World::with(&sim);
    world.write("m.toml", songs("shared", 3));
    let run = world.start(&["run", "m.toml", "--concurrency", "1"]);
    sim.until("first job charged", |audit| audit.accepted() == 1);
    sim.spend_elsewhere();
    let done = run.finish().expect(0);
    let stranger = "another client of the same key spent 10";
    assert!(done.stderr.contains(stranger), "{done:#?}");
    assert_eq!(world.run_json("shared")["summary"]["unexplained"], -10);
    assert_eq!(causes(&world, "shared"), [stranger]);
}

#[test]
fn a_charge_that_comes_back_late_is_told_from_credits_that_were_bought() {
    let faults = "failed-clips@1,slow@3:300ms";
    let sim = Sim::new(100, &["--no-refunds", "--faults", faults]);
    let world = World::with(&sim);
    world.write("m.toml", songs("late", 3));
    let run = world.start(&["run", "m.toml", "--concurrency", "1"]);
    sim.until("last job charged", |audit| audit.accepted() == 3);
    // That the provider gives back a charge and that credits are bought look the same in the balance.
    sim.top_up(10);
    run.finish().expect(1);
    assert_eq!(world.run_json("late")["summary"]["unexplained"], 10);
    let found = causes(&world, "late");
    let late = "a late refund of 1 job that failed or got lost: 10";
    assert_eq!(found, [late, "10 credits were bought"]);
}
