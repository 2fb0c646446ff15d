//! Random manifests: chains of references, needs, takes, twins, expansions and priorities, all as TOML text.

use fastrand::Rng;

/// What a later entry can refer to.
#[derive(Clone)]
struct Entry {
    id: String,
    gives: Gives,
    body: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Gives {
    /// Clips of Sonic, one job.
    Clips,
    Lyrics,
    /// Something that nothing here is made of.
    Other,
}

/// A song from words, taken apart; an answer that comes at once, tasks of two families, and a twin.
pub fn small() -> String {
    let song = "operation = \"suno.create\"\nwith = { title = \"A\", lyrics = \"${jobs.words.results[0].lyrics}\" }";
    let wav = "operation = \"suno.wav\"\nwith = { clip = \"${jobs.song.clips[0].clip_id}\" }";
    [
        "name = \"small\"\n[provider]\nname = \"simulator\"\n",
        "[[job]]\nid = \"words\"\noperation = \"lyrics.generate\"\nwith = { description = \"rain\" }\n",
        &format!("[[job]]\nid = \"song\"\n{song}\n"),
        &format!("[[job]]\nid = \"wav\"\n{wav}\n"),
        &format!("[[job]]\nid = \"twin\"\n{wav}\n"),
        "[[job]]\nid = \"cue\"\noperation = \"producer.create\"\nwith = { description = \"rain\" }\n",
    ]
    .concat()
}

/// Makes `count` manifests. Those that run at once want different things; of others the later ones want in part what
/// the first one wanted.
pub fn manifests(rng: &mut Rng, count: usize, at_once: bool) -> Vec<String> {
    let first = entries(rng, 0);
    let mut all = vec![first.clone()];
    for number in 1..count {
        let mut next = entries(rng, number);
        if !at_once {
            let kept = rng.usize(..=first.len());
            next.splice(0..0, first[..kept].iter().cloned());
        }
        all.push(next);
    }
    let texts = all
        .iter()
        .enumerate()
        .map(|(number, entries)| text(number, entries));
    texts.collect()
}

fn text(number: usize, entries: &[Entry]) -> String {
    let head = format!("name = \"batch{number}\"\n\n[provider]\nname = \"simulator\"\n");
    let jobs = entries
        .iter()
        .map(|entry| format!("\n[[job]]\nid = \"{}\"\n{}", entry.id, entry.body));
    std::iter::once(head).chain(jobs).collect()
}

fn entries(rng: &mut Rng, number: usize) -> Vec<Entry> {
    let mut made: Vec<Entry> = Vec::new();
    for nth in 0..rng.usize(1..8) {
        let id = format!("b{number}j{nth}");
        let mut entry = match rng.u8(..10) {
            0 if !made.is_empty() => twin(rng, &made, id),
            1..6 => derived(rng, &made, &id).unwrap_or_else(|| new(rng, id)),
            _ => new(rng, id),
        };
        if let Some(needed) = rng.choice(&made)
            && rng.u8(..6) == 0
        {
            entry.body += &format!("needs = [\"{}\"]\n", needed.id);
        }
        if rng.u8(..4) == 0 {
            entry.body += &format!("priority = {}\n", rng.i8(-3..4));
        }
        made.push(entry);
    }
    made
}

/// The same thing once more, under another name.
fn twin(rng: &mut Rng, made: &[Entry], id: String) -> Entry {
    let known = &made[rng.usize(..made.len())];
    let kept = known
        .body
        .lines()
        .filter(|line| !line.starts_with("needs") && !line.starts_with("priority"));
    let body = kept.map(|line| format!("{line}\n")).collect();
    Entry {
        id,
        body,
        gives: known.gives,
    }
}

fn new(rng: &mut Rng, id: String) -> Entry {
    let with = |operation: &str, with: String| {
        format!("operation = \"{operation}\"\nwith = {{ {with} }}\n")
    };
    let song = format!("title = \"T {id}\", description = \"a song called {id}\"");
    let (gives, body) = match rng.u8(..10) {
        0..2 => (
            Gives::Lyrics,
            with(
                "lyrics.generate",
                format!("description = \"words of {id}\""),
            ),
        ),
        2..4 => (Gives::Other, with("producer.create", song)),
        4 => {
            let body = with(
                "nuro.instrumental",
                format!("description = \"the mood of {id}\", duration = 30"),
            );
            (Gives::Other, body)
        }
        5 => (
            Gives::Other,
            with("suno.create", song) + &format!("takes = {}\n", rng.u8(2..4)),
        ),
        _ => (Gives::Clips, with("suno.create", song)),
    };
    Entry { id, gives, body }
}

/// Something made of what an earlier entry gives.
fn derived(rng: &mut Rng, made: &[Entry], id: &str) -> Option<Entry> {
    let fit: Vec<&Entry> = made
        .iter()
        .filter(|entry| entry.gives != Gives::Other)
        .collect();
    let source = rng.choice(fit)?;
    let of = &source.id;
    if source.gives == Gives::Lyrics {
        let version = rng.u8(..2);
        let with =
            format!("title = \"T {id}\", lyrics = \"${{jobs.{of}.results[{version}].lyrics}}\"");
        let body = format!("operation = \"suno.create\"\nwith = {{ {with} }}\n");
        return Some(Entry {
            id: id.to_owned(),
            gives: Gives::Clips,
            body,
        });
    }
    let clip = format!("clip = \"${{jobs.{of}.clips[{}].clip_id}}\"", rng.u8(..2));
    let (gives, operation, rest) = match rng.u8(..6) {
        0 => (Gives::Other, "suno.stems-basic", ""),
        1 => (Gives::Other, "suno.wav", ""),
        2 => (Gives::Other, "suno.midi", ""),
        3 => (
            Gives::Clips,
            "suno.extend",
            ", at = 1, description = \"more of it\"",
        ),
        4 => (
            Gives::Clips,
            "suno.cover",
            ", title = \"Again\", description = \"slower\"",
        ),
        _ => {
            let each = "with = { clip = \"${each.clip_id}\" }";
            let body =
                format!("operation = \"suno.wav\"\nfor_each = \"jobs.{of}.clips\"\n{each}\n");
            return Some(Entry {
                id: id.to_owned(),
                gives: Gives::Other,
                body,
            });
        }
    };
    let body = format!("operation = \"{operation}\"\nwith = {{ {clip}{rest} }}\n");
    Some(Entry {
        id: id.to_owned(),
        gives,
        body,
    })
}
