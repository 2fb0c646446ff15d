//! Where a run stops by the limits it was given: time, failures, price, and a cap that some jobs do not fit below.

use crate::world::{Sim, World, songs, sum};

#[test]
fn a_time_limit_stops_with_10_and_a_resume_pays_the_rest_once() {
    let jobs = 10;
    let sim = Sim::new(100, &["--task-time", "300ms"]);
    let world = World::with(&sim);
    world.write("m.toml", songs("slow", jobs));
    let done = world
        .run(&[
            "run",
            "m.toml",
            "--concurrency",
            "1",
            "--max-duration",
            "1s",
        ])
        .expect(10);
    assert!(
        done.stderr.contains("the time limit is reached"),
        "{done:#?}"
    );
    let accepted = sim.audit().accepted();
    assert!(accepted < jobs as u64, "something was left to do");
    let rows = world.spend("slow");
    let saved = rows.iter().filter(|row| row["state"] == "saved").count();
    assert_eq!(saved as u64, accepted, "what ran is collected");

    let resume = done.resume_command();
    let resume: Vec<&str> = resume.iter().map(String::as_str).collect();
    let more = world.run(&resume).expect(10);
    assert!(more.stderr.contains("the time limit is reached"));
    let later = sim.audit().accepted();
    assert!(
        (accepted + 1..jobs as u64).contains(&later),
        "the run's own time begins anew: {accepted}, then {later}"
    );
    world
        .run(&[&resume[..], &["--max-duration", "1h"]].concat())
        .expect(0);
    assert_eq!(sim.audit().accepted(), jobs as u64, "each job is paid once");
}

#[test]
fn a_share_of_failures_stops_only_once_20_jobs_are_settled() {
    let sim = Sim::new(1000, &["--failure-rate", "1"]);
    let world = World::with(&sim);
    world.write("m.toml", songs("bad", 100));
    let done = world
        .run(&["run", "m.toml", "--max-failures", "10%"])
        .expect(1);
    assert!(done.stderr.contains("too many jobs failed"), "{done:#?}");
    let requests = sim.audit().requests();
    assert!((20..60).contains(&requests), "{requests}");
    world.run(&["resume"]).expect(1);
    let more = sim.audit().requests();
    assert!(
        (requests + 20..100).contains(&more),
        "the share is the run's own, of the jobs settled since: {requests}, then {more}"
    );
    assert_eq!(sum(&world.spend("bad"), "held"), 0);
}

#[test]
fn a_price_above_yes_under_sends_nothing_and_says_by_how_much() {
    let sim = Sim::new(1000, &[]);
    let world = World::with(&sim);
    world.write("m.toml", songs("dear", 3));
    for also in [&[][..], &["--yes"]] {
        let mut args = vec!["run", "m.toml", "--yes-under", "25"];
        args.extend(also);
        let done = world.run(&args).expect(4);
        assert!(
            done.stderr.contains("5 more than the 25 that --yes-under"),
            "{done:#?}"
        );
    }
    assert_eq!(sim.audit().requests(), 0);
    world.run(&["run", "m.toml", "--yes-under", "30"]).expect(0);
}

/// Three songs of 10 credits, each of which fails and is refunded: one before the cap is lowered to 10, and the rest.
#[test]
fn a_soft_cutoff_uses_what_is_refunded_and_the_others_stop() {
    for (cutoff, code, requests) in [
        (&[][..], 8, 2),
        (&["--cutoff", "cautious"], 8, 2),
        (&["--cutoff", "hard"], 8, 2),
        (&["--cutoff", "soft"], 1, 3),
    ] {
        let sim = Sim::new(1000, &["--failure-rate", "1"]);
        let world = World::with(&sim);
        world.write("m.toml", songs("cut", 3));
        let first = ["run", "m.toml", "--max-failures", "1", "--concurrency", "1"];
        world.run(&first).expect(1);
        assert_eq!(sim.audit().requests(), 1);
        let mut args = vec!["resume", "--max-credits", "10", "--concurrency", "2"];
        args.extend(["--max-failures", "9"]);
        args.extend(cutoff);
        world.run(&args).expect(code);
        assert_eq!(sim.audit().requests(), requests, "{cutoff:?}");
    }
}

/// A song that no cap has room for stands between songs that fit.
#[test]
fn at_a_hard_cutoff_nothing_overtakes() {
    let manifest = "name = \"order\"\n\
        [[job]]\nid = \"first\"\npriority = 9\noperation = \"producer.create\"\nwith = { description = \"first\" }\n\
        [[job]]\nid = \"dear\"\npriority = 5\noperation = \"suno.persona\"\nwith = { clip = \"c1\", name = \"N\", description = \"d\" }\n\
        [[job]]\nid = \"last\"\noperation = \"producer.create\"\nwith = { description = \"last\" }\n";
    for (cutoff, paid) in [("hard", 10), ("cautious", 20), ("soft", 20)] {
        let sim = Sim::new(1000, &["--faults", "402@1"]);
        let world = World::of("simulator", &sim);
        world.write("m.toml", manifest);
        let first = ["run", "m.toml", "--concurrency", "1", "--cutoff", cutoff];
        world.run(&first).expect(8);
        assert_eq!(sim.audit().charged(), 0);
        let resume = ["resume", "--max-credits", "25"];
        let done = world.run(&resume).expect(8);
        assert!(done.stderr.contains("needs 50"), "{done:#?}");
        assert_eq!(sim.audit().charged(), paid, "{cutoff}");
        assert_eq!(world.charged("order"), paid, "{cutoff}");
        world.run(&["resume"]).expect(8);
        assert_eq!(sim.audit().charged(), paid, "the run's own {cutoff} holds");
        world.run(&["resume", "--cutoff", "cautious"]).expect(8);
        assert_eq!(sim.audit().charged(), 20, "the flag wins over {cutoff}");
    }
}

/// The provider takes 14 for what the price list says is 10: the canary tells, and a resume does not forget it.
#[test]
fn a_run_that_stopped_for_a_wrong_price_does_not_go_on_by_itself() {
    for (flags, spent) in [
        (&["--canary"][..], 14),
        (&["--audit", "--on-drift", "stop"][..], 14),
    ] {
        let sim = Sim::new(1000, &["--charge", "aimusicapi-2026-09"]);
        let world = World::with(&sim);
        let song = "model = \"sonic-v5\", title = \"Rain\", description = \"rain\"";
        world.write(
            "m.toml",
            format!(
                "name = \"canary\"\n[budget]\nrun = 60\n[[job]]\nid = \"song\"\n\
                 takes = 6\noperation = \"suno.create\"\nwith = {{ {song} }}\n"
            ),
        );
        let mut args = vec!["run", "m.toml"];
        args.extend(flags);
        let done = world.run(&args).expect(5);
        let accept = done.resume_command();
        assert_eq!(accept[2..], ["--on-drift", "warn"], "{done:#?}");
        let run = accept[1].as_str();
        for plain in [&["resume"][..], &["resume", run, "--retry-failed"]] {
            let refused = world.run(plain).expect(5);
            assert!(refused.stderr.contains("was charged 14"), "{refused:#?}");
            assert!(refused.stderr.contains("--on-drift warn"), "{refused:#?}");
        }
        assert_eq!(sim.audit().charged(), spent, "a refusal sends nothing");
        let accept: Vec<&str> = accept.iter().map(String::as_str).collect();
        world.run(&accept).expect(0);
        assert_eq!(sim.audit().charged(), 6 * 14);
    }
}
