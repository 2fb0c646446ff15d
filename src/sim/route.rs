//! Which endpoint a method and a path mean.

use axum::http::Method;

use crate::model::Family;

/// An endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint<'a> {
    /// The balance.
    Balance,
    /// Something that may cost credits.
    Submit(Submit),
    /// A task, by id; empty when the path has none.
    Task(Family, &'a str),
    /// A batch, by the query.
    Batch,
    /// A result file, by name.
    File(&'a str),
    /// The part of a clip that can be heard before it is done.
    Stream(&'a str),
    /// The simulator's own record of the account.
    Audit,
    /// The simulator's own way to add credits.
    TopUp,
}

/// An endpoint that takes a POST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Submit {
    SonicCreate,
    SonicUploadExtend,
    SonicUploadCover,
    SonicSample,
    SonicMashup,
    SonicReplaceSection,
    SonicStemsBasic,
    SonicStemsFull,
    SonicPersona,
    SonicCreateVoice,
    SonicUpload,
    SonicWav,
    SonicDownload,
    SonicMidi,
    SonicBpm,
    SonicVox,
    SonicAlignedLyrics,
    SonicUpsampleTags,
    SonicLyrics,
    SonicBatch,
    ProducerCreate,
    ProducerLyrics,
    ProducerVideo,
    ProducerUpload,
    ProducerDownload,
    NuroCreate,
    /// A path that a file added to the catalog.
    Added,
}

impl Submit {
    fn at(path: &str) -> Option<Self> {
        Some(match path {
            "sonic/create" => Self::SonicCreate,
            "sonic/upload-extend" => Self::SonicUploadExtend,
            "sonic/upload-cover" => Self::SonicUploadCover,
            "sonic/sample" => Self::SonicSample,
            "sonic/mashup" => Self::SonicMashup,
            "sonic/replace-section" => Self::SonicReplaceSection,
            "sonic/stems/basic" => Self::SonicStemsBasic,
            "sonic/stems/full" => Self::SonicStemsFull,
            "sonic/persona" => Self::SonicPersona,
            "sonic/create-voice" => Self::SonicCreateVoice,
            "sonic/upload" => Self::SonicUpload,
            "sonic/wav" => Self::SonicWav,
            "sonic/download" => Self::SonicDownload,
            "sonic/midi" => Self::SonicMidi,
            "sonic/bpm" => Self::SonicBpm,
            "sonic/vox" => Self::SonicVox,
            "sonic/aligned-lyrics" => Self::SonicAlignedLyrics,
            "sonic/upsample-tags" => Self::SonicUpsampleTags,
            "sonic/lyrics" => Self::SonicLyrics,
            "sonic/batch" => Self::SonicBatch,
            "producer/create" => Self::ProducerCreate,
            "producer/lyrics-create" => Self::ProducerLyrics,
            "producer/video-clip" => Self::ProducerVideo,
            "producer/upload" => Self::ProducerUpload,
            "producer/download" => Self::ProducerDownload,
            "nuro/create" => Self::NuroCreate,
            _ => return None,
        })
    }

    /// Returns the product the endpoint belongs to.
    pub(crate) fn family(self) -> Family {
        match self {
            Self::ProducerCreate
            | Self::ProducerLyrics
            | Self::ProducerVideo
            | Self::ProducerUpload
            | Self::ProducerDownload => Family::Producer,
            Self::NuroCreate => Family::Nuro,
            Self::SonicLyrics => Family::Lyrics,
            _ => Family::Suno,
        }
    }
}

/// Why there is no endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoRoute {
    /// The path is unknown.
    NotFound,
    /// The path is known, the method is not meant for it.
    WrongMethod,
}

/// Finds the endpoint.
///
/// # Errors
/// [`NoRoute`] when there is none.
pub(crate) fn route<'a>(method: &Method, path: &'a str) -> Result<Endpoint<'a>, NoRoute> {
    let (reads, posts) = endpoints(path);
    let wanted = match *method {
        Method::GET | Method::HEAD => reads,
        Method::POST => posts,
        _ => None,
    };
    match wanted {
        Some(endpoint) => Ok(endpoint),
        None if reads.is_some() || posts.is_some() => Err(NoRoute::WrongMethod),
        None => Err(NoRoute::NotFound),
    }
}

/// Returns what a path means to a GET and to a POST.
fn endpoints(path: &str) -> (Option<Endpoint<'_>>, Option<Endpoint<'_>>) {
    if let Some(own) = path.strip_prefix("/simulator/") {
        let read = match own {
            "audit" => Some(Endpoint::Audit),
            _ => own
                .strip_prefix("files/")
                .map(Endpoint::File)
                .or_else(|| own.strip_prefix("stream/").map(Endpoint::Stream)),
        };
        return (read, (own == "credits").then_some(Endpoint::TopUp));
    }
    let Some(path) = path.strip_prefix("/api/v1/") else {
        return (None, None);
    };
    let task = [
        ("sonic/task", Family::Suno),
        ("producer/task", Family::Producer),
        ("nuro/task", Family::Nuro),
    ]
    .into_iter()
    .find_map(|(prefix, family)| match path.strip_prefix(prefix)? {
        "" => Some(Endpoint::Task(family, "")),
        rest => Some(Endpoint::Task(family, rest.strip_prefix('/')?)),
    });
    let read = match path {
        "get-credits" => Some(Endpoint::Balance),
        "sonic/batch" => Some(Endpoint::Batch),
        _ => task,
    };
    (read, Submit::at(path).map(Endpoint::Submit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_and_paths_find_their_endpoint() {
        let get = |path| route(&Method::GET, path);
        let post = |path| route(&Method::POST, path);
        assert_eq!(get("/api/v1/get-credits"), Ok(Endpoint::Balance));
        assert_eq!(
            get("/api/v1/sonic/task/abc"),
            Ok(Endpoint::Task(Family::Suno, "abc"))
        );
        assert_eq!(
            get("/api/v1/nuro/task/"),
            Ok(Endpoint::Task(Family::Nuro, ""))
        );
        assert_eq!(get("/api/v1/sonic/batch"), Ok(Endpoint::Batch));
        assert_eq!(
            post("/api/v1/sonic/batch"),
            Ok(Endpoint::Submit(Submit::SonicBatch))
        );
        assert_eq!(get("/simulator/files/a.wav"), Ok(Endpoint::File("a.wav")));
        assert_eq!(get("/api/v1/sonic/create"), Err(NoRoute::WrongMethod));
        assert_eq!(post("/api/v1/get-credits"), Err(NoRoute::WrongMethod));
        assert_eq!(
            route(&Method::DELETE, "/api/v1/sonic/create"),
            Err(NoRoute::WrongMethod)
        );
        for unknown in [
            "/",
            "/api/v1/sonic/export-midi",
            "/api/v2/get-credits",
            "/api/v1/sonic/tasks",
        ] {
            assert_eq!(get(unknown), Err(NoRoute::NotFound), "{unknown}");
        }
    }
}
