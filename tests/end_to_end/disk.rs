//! Disks that are full or can't be written to: a clear error, nothing sent from then on, and nothing paid twice later.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::world::{Done, Running, Sim, World, songs};

const JOBS: u64 = 6;

/// A small disk of its own; gone when dropped.
struct Disk(PathBuf);

impl Disk {
    /// Mounts one; only root may, so without it the test says so and is skipped.
    fn mount(world: &World, kib: u64) -> Option<Self> {
        let path = world.work().join("disk");
        std::fs::create_dir(&path).unwrap();
        let disk = Self(path);
        let size = format!("size={kib}k");
        let mounted = disk.run("mount", &["-t", "tmpfs", "-o", &size, "setlist-test"]);
        if let Err(why) = mounted {
            eprintln!("skipped: a small disk can't be mounted here: {why}");
            return None;
        }
        Some(disk)
    }

    fn run(&self, program: &str, args: &[&str]) -> Result<(), String> {
        let done = Command::new(program).args(args).arg(&self.0).output();
        let done = done.map_err(|error| error.to_string())?;
        match done.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&done.stderr).trim().to_owned()),
        }
    }

    fn read_only(&self) {
        self.run("mount", &["-o", "remount,ro"]).unwrap();
    }

    fn writable(&self) {
        self.run("mount", &["-o", "remount,rw"]).unwrap();
    }

    /// Leaves only so many pages of 4 KiB free.
    fn fill_but(&self, pages: u64) {
        let rest = self.0.join("rest");
        std::fs::write(&rest, vec![0; (pages * 4096) as usize]).unwrap();
        let mut filler = std::fs::File::create(self.0.join("filler")).unwrap();
        while std::io::Write::write_all(&mut filler, &[1; 4096]).is_ok() {}
        std::fs::remove_file(rest).unwrap();
    }

    fn empty(&self) {
        std::fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Where nothing was mounted there is nothing to be undone.
        let _gone = self.run("umount", &["-l"]);
    }
}

/// A world whose ledger, or output folder, or both, are on the small disk.
fn small(sim: &Sim, kib: u64, ledger: bool, out: bool) -> Option<(World, Disk)> {
    let mut world = World::with(sim);
    let disk = Disk::mount(&world, kib)?;
    if ledger {
        let path = disk.0.join("state/ledger.db");
        world.set("SETLIST_LEDGER", &format!("sqlite:{}", path.display()));
    }
    if out {
        world.set("SETLIST_OUT", "disk/out");
    }
    world.write("m.toml", songs("full", JOBS as usize));
    Some((world, disk))
}

/// An error of a disk: it names the place and what can be done.
#[track_caller]
fn is_clear(done: Done, names: &[&str]) -> Done {
    let done = done.expect(74);
    for name in names {
        assert!(done.stderr.contains(name), "nothing of `{name}`: {done:#?}");
    }
    done
}

/// Goes on once there is room: all is bought once and there.
#[track_caller]
fn goes_on(sim: &Sim, world: &World, jobs: u64) {
    world.run(&["resume"]).expect(0);
    all_is_there(sim, world, jobs);
}

#[track_caller]
fn all_is_there(sim: &Sim, world: &World, jobs: u64) {
    let audit = sim.audit();
    assert_eq!((audit.accepted(), audit.charged()), (jobs, 10 * jobs));
    let csv = world.run(&["report", "--format", "csv"]).expect(0).stdout;
    assert_eq!(
        csv.matches(",saved,10,0,10,0,").count() as u64,
        jobs,
        "{csv}"
    );
    let out = world
        .variables
        .get("SETLIST_OUT")
        .map_or("out/full", String::as_str);
    for file in ["spend.csv", "run.json", "audio/song-1.wav"] {
        let path = world.work().join(out).join(file);
        assert!(path.exists(), "{path:?} is missing");
    }
}

#[test]
fn a_disk_that_is_full_at_the_start_sends_nothing() {
    for (ledger, out) in [(true, true), (true, false)] {
        let sim = Sim::new(1_000, &[]);
        let Some((world, disk)) = small(&sim, 1_024, ledger, out) else {
            return;
        };
        disk.fill_but(0);
        let done = is_clear(
            world.run(&["run", "m.toml"]),
            &["disk/state", "full", "free some space"],
        );
        assert_eq!(sim.audit().requests(), 0, "{done:#?}");
        disk.empty();
        world.run(&["run", "m.toml"]).expect(0);
        all_is_there(&sim, &world, JOBS);
    }
}

#[test]
fn a_disk_that_fills_up_while_tasks_run_stops_the_run() {
    for (ledger, out) in [(true, true), (true, false), (false, true)] {
        let sim = Sim::new(1_000, &["--task-time", "800ms"]);
        let Some((world, disk)) = small(&sim, 4_096, ledger, out) else {
            return;
        };
        let run = world.start(&["run", "m.toml", "--concurrency", "2"]);
        sim.until("two are under way", |audit| audit.accepted() == 2);
        // The answers were recorded at once, before a task can be done.
        std::thread::sleep(Duration::from_millis(400));
        disk.fill_but(0);
        let done = is_clear(run.finish(), &["disk", "free some space", "resume"]);
        assert!(
            done.stderr.contains("full") || done.stderr.contains("No space"),
            "{done:#?}"
        );
        let requests = sim.audit().requests();
        // A slot is free while its job's result is saved.
        assert!(
            requests <= if ledger { 2 } else { 4 },
            "{requests}: {done:#?}"
        );
        disk.empty();
        goes_on(&sim, &world, JOBS);
    }
}

#[test]
fn an_answer_that_can_not_be_recorded_waits_for_room() {
    let sim = Sim::new(1_000, &["--faults", "slow@1:500ms"]);
    let Some((world, disk)) = small(&sim, 4_096, true, true) else {
        return;
    };
    let run = world.start(&["run", "m.toml", "--concurrency", "1"]);
    sim.until("one is charged and not answered yet", |audit| {
        audit.accepted() == 1
    });
    disk.fill_but(0);
    std::thread::sleep(Duration::from_millis(1_200));
    disk.empty();
    let done = is_clear(run.finish(), &["as task `", "trying again", "resume"]);
    assert_eq!(sim.audit().requests(), 1, "{done:#?}");
    goes_on(&sim, &world, JOBS);
}

#[test]
fn an_answer_that_nobody_waits_for_is_not_paid_for_again() {
    let sim = Sim::new(1_000, &["--faults", "slow@1:300ms"]);
    let Some((mut world, disk)) = small(&sim, 4_096, true, true) else {
        return;
    };
    world.set("SETLIST_TIMEOUT", "500ms");
    let run = world.start(&["run", "m.toml", "--concurrency", "1"]);
    sim.until("one is charged and not answered yet", |audit| {
        audit.accepted() == 1
    });
    disk.fill_but(0);
    std::thread::sleep(Duration::from_millis(500));
    run.signal("-INT");
    std::thread::sleep(Duration::from_millis(100));
    run.signal("-INT");
    let done = run.finish();
    assert!(matches!(done.code, Some(74 | 130)), "{done:#?}");
    assert!(done.stderr.contains("as task `"), "{done:#?}");
    disk.empty();
    // The balance shows that it was charged; that nobody knows its task any more is told.
    world.run(&["resume"]).expect(1);
    let audit = sim.audit();
    assert_eq!((audit.accepted(), audit.charged()), (JOBS, 10 * JOBS));
    let csv = world.run(&["report", "--format", "csv"]).expect(0).stdout;
    let rows = [",lost,10,0,10,0,", ",saved,10,0,10,0,"].map(|row| csv.matches(row).count());
    assert_eq!(rows, [1, JOBS as usize - 1], "{csv}");
}

#[test]
fn a_disk_that_is_full_when_reports_are_written_is_told() {
    let sim = Sim::new(1_000, &[]);
    let Some((world, disk)) = small(&sim, 4_096, false, true) else {
        return;
    };
    world.write("m.toml", songs("full", 1));
    // How much the result and its description take.
    world.run(&["run", "m.toml", "--out", "out/full"]).expect(0);
    let bytes = std::fs::metadata(world.work().join("out/full/audio/song-1.wav"))
        .unwrap()
        .len();
    disk.fill_but(bytes.div_ceil(4096) + 1);
    let run = ["run", "m.toml", "--fresh"];
    let done = is_clear(world.run(&run), &["disk/out", "No space", "setlist report"]);
    assert_eq!(sim.audit().charged(), 20, "{done:#?}");
    disk.empty();
    world.run(&["resume"]).expect(0);
    assert_eq!(sim.audit().charged(), 20);
    let rows = std::fs::read_to_string(disk.0.join("out/spend.csv")).unwrap();
    assert!(rows.contains(",saved,10,0,10,0,"), "{rows}");
}

#[test]
fn a_disk_that_can_not_be_written_to_sends_nothing() {
    for (ledger, out) in [(true, false), (false, true)] {
        let sim = Sim::new(1_000, &[]);
        let Some((world, disk)) = small(&sim, 4_096, ledger, out) else {
            return;
        };
        world.write("first.toml", songs("first", 1));
        world.run(&["run", "first.toml"]).expect(0);
        disk.read_only();
        let place = if ledger { "disk/state" } else { "disk/out" };
        is_clear(
            world.run(&["run", "m.toml"]),
            &[place, "Read-only", "hint: "],
        );
        assert_eq!(sim.audit().requests(), 1);
        disk.writable();
        world.run(&["run", "m.toml"]).expect(0);
        assert_eq!(sim.audit().requests(), 1 + JOBS);
    }
}

#[test]
fn a_file_in_the_place_of_the_output_folder_sends_nothing() {
    let sim = Sim::new(1_000, &[]);
    let world = World::with(&sim);
    world.write("m.toml", songs("full", 1));
    let in_the_way = world.write("taken", "a file");
    for out in ["taken", "taken/below"] {
        is_clear(
            world.run(&["run", "m.toml", "--out", out]),
            &["taken", "--out DIR"],
        );
    }
    assert_eq!(sim.audit().requests(), 0);
    assert_eq!(std::fs::read(in_the_way).unwrap(), b"a file");
}

/// Starts a command that can't make a file longer than so many KiB, as on a full disk, for which nobody must be root.
fn limited(world: &World, kib: u64, args: &[&str]) -> Running {
    let bare = world.command(args);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\""])
        .arg((kib * 2).to_string())
        .arg(bare.get_program())
        .args(bare.get_args())
        .current_dir(bare.get_current_dir().unwrap_or_else(|| Path::new(".")))
        .env_clear()
        .envs(
            bare.get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdin(std::process::Stdio::null());
    Running::of(shell)
}

#[test]
fn results_that_can_not_grow_stop_the_run_before_it_buys_more() {
    let sim = Sim::new(1_000, &["--audio-seconds", "60", "--task-time", "100ms"]);
    let world = World::with(&sim);
    world.write("m.toml", songs("full", JOBS as usize));
    let run = limited(&world, 300, &["run", "m.toml", "--concurrency", "1"]);
    let done = is_clear(run.finish(), &["song-1", "File too large", "resume"]);
    let requests = sim.audit().requests();
    // The slot is free while its job's result is saved, and on a busy machine a few saves may wait.
    assert!(requests < JOBS, "{requests}: {done:#?}");
    goes_on(&sim, &world, JOBS);
}

#[test]
fn a_ledger_that_can_not_be_made_sends_nothing() {
    let sim = Sim::new(1_000, &[]);
    let world = World::with(&sim);
    world.write("m.toml", songs("full", JOBS as usize));
    is_clear(
        limited(&world, 4, &["run", "m.toml"]).finish(),
        &["ledger.db", "disk"],
    );
    assert_eq!(sim.audit().requests(), 0);
    world.run(&["run", "m.toml"]).expect(0);
    all_is_there(&sim, &world, JOBS);
}
