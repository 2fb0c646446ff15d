//! Plans as files: what is written is read, and nothing else is.

use super::*;
use crate::plan::fixture::{CREATE, plan, spec};

fn saved(folder: &Path) -> (std::path::PathBuf, PlanHead, Plan) {
    let jobs: Vec<_> = (1..=9)
        .map(|row| spec(("song", 0), row, CREATE, u8::try_from(row).unwrap(), &[]))
        .collect();
    let plan = plan(&jobs, &());
    let head = PlanHead::new(&plan, Timestamp::UNIX_EPOCH, Standing::default());
    let path = folder.join("m.plan");
    write(&path, &head, &plan).unwrap();
    (path, head, plan)
}

fn wrong(path: &Path, bytes: impl AsRef<[u8]>) -> String {
    std::fs::write(path, bytes).unwrap();
    let failure = read(path).unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Usage, "{failure:?}");
    failure.error.to_string()
}

#[test]
fn a_file_gives_back_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let (path, head, plan) = saved(folder.path());
    let found = read(&path).unwrap();
    assert_eq!((found.head, found.plan), (head, plan));
    assert_eq!(found.digest.len(), 64);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing is left beside it");
}

#[test]
fn only_a_plan_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let (path, head, plan) = saved(folder.path());
    write(&path, &head, &plan).unwrap();
    let other = folder.path().join("song.toml");
    std::fs::write(&other, "name = 'song'").unwrap();
    for other in [other.as_path(), folder.path()] {
        let failure = write(other, &head, &plan).unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Usage);
    }
    assert_eq!(std::fs::read_to_string(other).unwrap(), "name = 'song'");
}

#[test]
fn every_cut_and_every_edit_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let (path, ..) = saved(folder.path());
    let whole = std::fs::read(&path).unwrap();
    for cut in (0..whole.len()).step_by(7).chain([whole.len() - 1]) {
        let said = wrong(&path, &whole[..cut]);
        let is_named = said.contains("cut off") || said.contains("no saved plan");
        assert!(is_named, "{cut}: {said}");
    }
    for place in (0..whole.len()).step_by(11) {
        let mut edited = whole.clone();
        edited[place] = if edited[place] == b'7' { b'8' } else { b'7' };
        wrong(&path, &edited);
    }
    let text = String::from_utf8(whole).unwrap();
    let cheaper = text.replacen("\"line\":10", "\"line\":11", 1);
    assert!(wrong(&path, cheaper).contains("was changed after it was written"));
    let lines: Vec<_> = text.lines().collect();
    let shorter = [&lines[..1], &lines[2..]].concat().join("\n") + "\n";
    assert!(wrong(&path, shorter).contains("was changed after"));
    assert!(wrong(&path, text.clone() + "{}\n").contains("goes on after"));
}

#[test]
fn what_is_no_plan_of_ours_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (path, ..) = saved(folder.path());
    let text = std::fs::read_to_string(&path).unwrap();
    let newer = text.replacen("{\"setlist_plan\":1", "{\"setlist_plan\":2", 1);
    assert!(wrong(&path, newer).contains("format 2; this version of setlist reads up to 1"));
    for other in ["", "{}", "name = 'song'", "[1, 2]"] {
        assert!(wrong(&path, other).contains("no saved plan"), "{other}");
    }
    assert!(wrong(&path, "{\"setlist_plan\":1}\n").contains("line 1: missing field"));
    let mut bytes = text.clone().into_bytes();
    let second = text.find('\n').unwrap() + 12;
    bytes[second] = 0xff;
    assert!(wrong(&path, &bytes).contains("no UTF-8 in line 2"));
    assert!(read(folder.path()).is_err());
    assert!(read(&folder.path().join("nowhere.plan")).is_err());
}

#[test]
fn a_line_without_an_end_is_not_read_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let (path, ..) = saved(folder.path());
    let text = std::fs::read_to_string(&path).unwrap();
    let (head, _) = text.split_once('\n').unwrap();
    let file = File::create(&path).unwrap();
    (&file).write_all(format!("{head}\n").as_bytes()).unwrap();
    // A hole of 200 MB: zeros, and no end of a line.
    file.set_len(200_000_000).unwrap();
    drop(file);
    let said = read(&path).unwrap_err().error.to_string();
    assert!(said.contains("line 2 that is longer"), "{said}");
    let file = File::create(&path).unwrap();
    file.set_len(200_000_000).unwrap();
    let said = read(&path).unwrap_err().error.to_string();
    assert!(said.contains("no saved plan"), "{said}");
}
