//! The fields that every Sonic generation shares: their checks, and the words an answer gives back.

use serde_json::{Value, json};

use super::body::Body;
use super::desk::{Desk, echo};
use super::refusal::Refusal;
use super::task::Words;
use super::verse;

const MODELS: [&str; 15] = [
    "sonic-v6",
    "sonic-v6-wild",
    "sonic-v6-mini",
    "sonic-v5-5",
    "sonic-v5",
    "sonic-v4-5-plus",
    "sonic-v4-5",
    "sonic-v4",
    "sonic-v3-5",
    "chirp-v5-5",
    "chirp-v5",
    "chirp-v4-5-plus",
    "chirp-v4-5",
    "chirp-v4",
    "chirp-v3-5",
];
/// Taken by `sample` and `mashup`, refused by `create` (api facts, section 1.2).
const MIXING_MODEL: &str = "sonic-v4-5-all";
const LEGACY: [&str; 4] = ["sonic-v3-5", "sonic-v4", "chirp-v3-5", "chirp-v4"];

/// What differs between the endpoints.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Whether `custom_mode` must be given, and with it lyrics or a description.
    pub song: bool,
    /// Whether a length may be asked for.
    pub duration: bool,
    /// Whether the model for mixing is taken.
    pub mixing_model: bool,
    /// The most characters of lyrics and tags where they do not depend on the model.
    pub caps: Option<(usize, usize)>,
    /// The most characters of a description.
    pub description: usize,
    /// The most characters of a title.
    pub title: usize,
}

impl Rules {
    /// A song, with everything that `create_music` takes.
    pub(crate) const SONG: Self = Self {
        song: true,
        duration: true,
        mixing_model: false,
        caps: None,
        description: 400,
        title: 80,
    };
    /// Work on a clip that needs no lyrics.
    pub(crate) const EDIT: Self = Self {
        song: false,
        duration: false,
        ..Self::SONG
    };
}

/// Checks the model.
pub(crate) fn check_model(body: Body<'_>, mixing_model: bool) -> Result<(), Refusal> {
    let model = body.text("mv")?.unwrap_or_default();
    if MODELS.contains(&model) || (mixing_model && model == MIXING_MODEL) {
        Ok(())
    } else {
        Err(Refusal::invalid(format!(
            "The 'mv' field is invalid. The model should be {}",
            MODELS.join(", ")
        )))
    }
}

/// Checks the shared fields, and returns the length asked for.
pub(crate) fn check(body: Body<'_>, rules: Rules) -> Result<Option<u32>, Refusal> {
    check_model(body, rules.mixing_model)?;
    let instrumental = body.flag("make_instrumental")?.unwrap_or(false);
    let custom = match rules.song {
        true => Some(body.required_flag("custom_mode")?),
        false => body.flag("custom_mode")?,
    };
    if body.flag("auto_lyrics")? == Some(true) && custom != Some(true) {
        return Err(Refusal::invalid(
            "The 'auto_lyrics' field needs custom_mode = true.",
        ));
    }
    if rules.song {
        match custom {
            Some(true) if !instrumental => drop(body.required("prompt")?),
            Some(false) => drop(body.required("gpt_description_prompt")?),
            _ => {}
        }
    }
    let legacy = LEGACY.contains(&body.text("mv")?.unwrap_or_default());
    let by_model = if legacy { (3000, 200) } else { (5000, 1000) };
    let (prompt, tags) = rules.caps.unwrap_or(by_model);
    body.at_most("prompt", "prompt", prompt)?;
    body.at_most(
        "gpt_description_prompt",
        "'gpt_description_prompt'",
        rules.description,
    )?;
    body.at_most("tags", "tags", tags)?;
    body.at_most("title", "title", rules.title)?;
    check_weights(body)?;
    body.webhook("webhook_url")?;
    if !rules.duration && body.value("duration").is_some() {
        return Err(Refusal::invalid(
            "The 'duration' field is not allowed for this task.",
        ));
    }
    body.integer("duration", 10, 360)
}

fn check_weights(body: Body<'_>) -> Result<(), Refusal> {
    body.text("negative_tags")?;
    body.word("vocal_gender", &["f", "m"])?;
    for weight in ["style_weight", "weirdness_constraint", "audio_weight"] {
        body.number(weight, 0.0, 1.0)?;
    }
    Ok(())
}

/// Makes the words of a song: given ones are kept, missing ones are written.
pub(crate) fn words(desk: &Desk<'_>, body: Body<'_>) -> Words {
    let text = |name| body.value(name).and_then(Value::as_str).unwrap_or_default();
    let flag = |name| body.value(name).and_then(Value::as_bool) == Some(true);
    let seed = desk.draw.number("words", 0);
    let described = text("gpt_description_prompt");
    let lyrics = if flag("make_instrumental") {
        "[Instrumental]".to_owned()
    } else if text("prompt").is_empty() || flag("auto_lyrics") {
        verse::lyrics(seed)
    } else {
        text("prompt").to_owned()
    };
    // In description mode the provider writes the title itself, whatever the request says.
    let title = if text("title").is_empty() || !described.is_empty() {
        verse::title(
            seed,
            if described.is_empty() {
                text("tags")
            } else {
                described
            },
        )
    } else {
        text("title").to_owned()
    };
    let mut fields = echo(
        body,
        &[
            "tags",
            "mv",
            "gpt_description_prompt",
            "negative_tags",
            "style_weight",
            "weirdness_constraint",
        ],
    );
    if text("tags").is_empty() && (!described.is_empty() || flag("auto_lyrics")) {
        fields.insert("tags".to_owned(), json!(verse::longer_tags(seed, "pop")));
    }
    Words {
        title,
        lyrics,
        echo: fields,
    }
}
