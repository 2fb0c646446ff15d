//! A manifest to start from: the text of one, out of a few answers. Asks nothing and writes nothing.

use clap::ValueEnum;
use serde_json::Value;

use crate::catalog::PriceLists;
use crate::manifest::Format;
use crate::model::Credits;

use super::provider::{Provider, SIMULATOR};

/// The least that pays for every starter at every price list we have.
pub(crate) const DEFAULT_CREDITS: Credits = Credits::new(50);
/// The file that holds the schema, beside the manifest.
pub(crate) const SCHEMA_FILE: &str = "setlist.schema.json";

/// Two songs: their titles, and what is asked for.
const SONGS: [(&str, &str); 2] = [
    ("Harbour Lights", "slow synthwave, analog pads, no drums"),
    ("Market Morning", "brass and hand drums, joyful"),
];

/// What is to be made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Make {
    /// One song.
    #[default]
    Song,
    /// One song, and its voice and accompaniment apart.
    Stems,
    /// One song for each row of a CSV file.
    Batch,
}

impl Make {
    /// Returns the name of a batch that nobody named.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Song => "my-song",
            Self::Stems => "my-stems",
            Self::Batch => "my-batch",
        }
    }
}

/// Which quality is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Quality {
    /// Suno's.
    Highest,
    /// Producer's.
    #[default]
    Medium,
    /// Producer's, as fast as can be.
    Fast,
}

impl Quality {
    fn word(self) -> &'static str {
        match self {
            Self::Highest => "highest",
            Self::Medium => "medium",
            Self::Fast => "fast",
        }
    }
}

/// Where the rows of a batch stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// In this file beside the manifest.
    File(String),
    /// In the manifest.
    Inline,
}

/// A manifest to start from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Starter {
    /// What it makes.
    pub(crate) make: Make,
    /// With whom.
    pub(crate) provider: Provider,
    /// How well.
    pub(crate) quality: Quality,
    /// What a run may spend.
    pub(crate) max_credits: Credits,
    /// The batch's name.
    pub(crate) name: String,
    /// The rows, if it is a batch.
    pub(crate) rows: Rows,
    /// Whether its first line names the schema beside it.
    pub(crate) names_schema: bool,
}

/// The texts of one format.
struct Texts {
    schema: &'static str,
    head: &'static str,
    song: &'static str,
    upload: &'static str,
    stems: &'static str,
    batch: &'static str,
}

const TOML: Texts = Texts {
    schema: "#:schema ./@schema@\n",
    head: include_str!("starter/head.toml"),
    song: include_str!("starter/song.toml"),
    upload: include_str!("starter/upload.toml"),
    stems: include_str!("starter/stems.toml"),
    batch: include_str!("starter/batch.toml"),
};

const YAML: Texts = Texts {
    schema: "# yaml-language-server: $schema=./@schema@\n",
    head: include_str!("starter/head.yaml"),
    song: include_str!("starter/song.yaml"),
    upload: include_str!("starter/upload.yaml"),
    stems: include_str!("starter/stems.yaml"),
    batch: include_str!("starter/batch.yaml"),
};

impl Starter {
    /// Returns the manifest's text.
    pub(crate) fn text(&self, format: Format) -> String {
        let texts = match format {
            Format::Toml => TOML,
            Format::Yaml => YAML,
        };
        let mut text = String::new();
        if self.names_schema {
            text.push_str(texts.schema);
        }
        text.push_str(texts.head);
        let is_suno = self.quality == Quality::Highest;
        match self.make {
            Make::Batch => text.push_str(texts.batch),
            Make::Song | Make::Stems => text.push_str(texts.song),
        }
        if self.make == Make::Stems {
            if !is_suno {
                text.push_str(texts.upload);
            }
            text.push_str(texts.stems);
        }
        let clip = if is_suno {
            "song.clips[0].clip_id"
        } else {
            "upload.clip_id"
        };
        // The name comes last: what a person typed is not looked through.
        text.replace("@schema@", SCHEMA_FILE)
            .replace("@provider-note@", &self.provider_note())
            .replace("@provider@", self.provider.name)
            .replace("@prices@\n", &prices_text(self.provider.name, format))
            .replace("@credits@", &self.max_credits.to_string())
            .replace("@quality@", self.quality.word())
            .replace("@clip@", clip)
            .replace("@rows@", &self.rows_text(format))
            .replace("@name@", &quoted(&self.name))
    }

    /// Returns the text of the row file.
    pub(crate) fn csv() -> String {
        let rows = SONGS.map(|(title, words)| format!("{title},\"{words}\"\n"));
        format!("title,description\n{}", rows.concat())
    }

    fn provider_note(&self) -> String {
        match self.provider.name {
            SIMULATOR => "The built-in simulator: needs no key, and nothing is spent.".to_owned(),
            _ => format!(
                "A real account: the key is read from the variable {}. `--provider {SIMULATOR}` rehearses.",
                self.provider.key_env
            ),
        }
    }

    fn rows_text(&self, format: Format) -> String {
        match &self.rows {
            Rows::File(name) => quoted(name),
            Rows::Inline => inline(format),
        }
    }
}

/// Returns what stands between a key and its value.
fn is(format: Format) -> &'static str {
    match format {
        Format::Toml => " =",
        Format::Yaml => ":",
    }
}

/// Names the price list that a provider published last; the simulator charges by the default one.
fn prices_text(provider: &str, format: Format) -> String {
    let lists = PriceLists::builtin().lists.iter();
    let published = lists.filter(|list| list.name.starts_with(provider));
    match published.max_by_key(|list| &list.name) {
        None => String::new(),
        Some(list) => format!(
            "\n# What this provider published; a plan is priced by it before anything is sent.\nprices{} {}\n",
            is(format),
            quoted(&list.name)
        ),
    }
}

fn inline(format: Format) -> String {
    let is = is(format);
    let row = |(title, words)| {
        format!(
            "{{ title{is} {}, description{is} {} }}",
            quoted(title),
            quoted(words)
        )
    };
    format!("[{}]", SONGS.map(row).join(", "))
}

/// Writes a text that has no control characters as TOML and YAML both read it: YAML knows two more characters only by
/// their number.
fn quoted(text: &str) -> String {
    Value::from(text)
        .to_string()
        .replace('\u{fffe}', r"\ufffe")
        .replace('\u{ffff}', r"\uffff")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::super::provider::PROVIDERS;
    use super::super::values;
    use super::*;
    use crate::catalog::Catalog;
    use crate::manifest::Manifest;

    fn read(starter: &Starter, format: Format, folder: &Path) -> Manifest {
        let text = starter.text(format);
        Manifest::parse(&text, format, "starter", folder, Catalog::builtin())
            .unwrap_or_else(|problems| panic!("{problems}\n{text}"))
    }

    /// All makes, providers and qualities.
    fn all() -> impl Iterator<Item = Starter> {
        let makes = Make::value_variants().iter();
        makes.flat_map(|make| {
            let qualities = Quality::value_variants().iter();
            qualities.flat_map(|quality| {
                PROVIDERS.map(|provider| Starter {
                    make: *make,
                    provider,
                    quality: *quality,
                    max_credits: DEFAULT_CREDITS,
                    name: make.name().to_owned(),
                    rows: Rows::Inline,
                    names_schema: true,
                })
            })
        })
    }

    #[test]
    fn both_formats_say_the_same() {
        let jobs = |manifest: &Manifest| {
            let mut jobs = Vec::new();
            let sink = &mut |draft: &crate::manifest::Draft<'_>| {
                jobs.push(draft.fingerprint);
                std::ops::ControlFlow::Continue(())
            };
            manifest.expand(Catalog::builtin(), sink).unwrap();
            jobs
        };
        for starter in all() {
            for format in [Format::Toml, Format::Yaml] {
                let text = starter.text(format);
                assert!(!text.contains('@'), "{text}");
            }
            let toml = read(&starter, Format::Toml, Path::new(""));
            let yaml = read(&starter, Format::Yaml, Path::new(""));
            assert_eq!(toml.name, yaml.name);
            assert_eq!(toml.prices, yaml.prices);
            assert_eq!(toml.budget, yaml.budget);
            assert_eq!(toml.provider, yaml.provider);
            assert_eq!(jobs(&toml), jobs(&yaml), "{starter:?}");
        }
    }

    #[test]
    fn rows_are_the_same_in_the_manifest_and_in_a_file() {
        let csv = Starter::csv();
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let rows: Vec<(String, String)> = reader.deserialize().map(Result::unwrap).collect();
        let songs = SONGS.map(|(title, words)| (title.to_owned(), words.to_owned()));
        assert_eq!(rows, songs);
    }

    #[test]
    fn characters_that_yaml_knows_by_number_come_back() {
        let name = "a\u{fffe}b\u{ffff}c\u{feff}d\u{2028}e\u{2029}f\u{fdd0}g\u{10ffff}\"'";
        values::name(name).unwrap();
        let starter = Starter {
            name: name.to_owned(),
            ..all().next().unwrap()
        };
        for format in [Format::Toml, Format::Yaml] {
            assert_eq!(
                read(&starter, format, Path::new("")).name,
                name,
                "{format:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_name_and_any_credits_come_back(name in r"[^\x00-\x1f\x7f-\x9f/\\]{1,40}", credits in 0..u64::from(u32::MAX)) {
            prop_assume!(values::name(&name).is_ok());
            let starter = Starter {
                name: name.clone(),
                max_credits: Credits::new(credits),
                ..all().next().unwrap()
            };
            for format in [Format::Toml, Format::Yaml] {
                let manifest = read(&starter, format, Path::new(""));
                prop_assert_eq!(&manifest.name, &name);
                prop_assert_eq!(manifest.budget.run, Some(Credits::new(credits)));
            }
        }
    }
}
