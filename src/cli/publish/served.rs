//! Serves local files while jobs need them. A file's address holds the hash of its content: who does not know the
//! file can't guess it, and no other file or content is ever handed out.

mod opened;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;

use crate::exec::{CheckedFile, Publish, Published, Unpublished};
use crate::model::FileInput;

use super::name_of;
use opened::Opened;

/// What is served: by the name below the address, the file, and how many jobs use it.
type Files = Arc<Mutex<BTreeMap<String, (CheckedFile, usize)>>>;

/// Files that are served from this process, for as long as this lives.
pub(super) struct Served {
    listen: String,
    /// The address at which others reach the listener, when it is not its own.
    url: Option<String>,
    files: Files,
    door: OnceCell<Door>,
}

struct Door {
    url: String,
    serving: JoinHandle<()>,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Served {
    pub(super) fn new(listen: &str, url: Option<&str>) -> Self {
        Self {
            listen: listen.to_owned(),
            url: url.map(|url| url.trim_end_matches('/').to_owned()),
            files: Files::default(),
            door: OnceCell::new(),
        }
    }

    /// Begins to serve; nobody listens before the first file is needed.
    async fn open(&self) -> Result<Door, Unpublished> {
        let fail = |error| {
            Unpublished::Way(format!(
                "it can't fetch local files, as setlist can't listen at `{}`: {error}; end what listens there, perhaps \
                 another run, or choose another address for `listen` in [public]",
                self.listen
            ))
        };
        let listener = TcpListener::bind(&self.listen).await.map_err(fail)?;
        let own = listener.local_addr().map_err(fail)?;
        let router = Router::new()
            .fallback(answer)
            .with_state(self.files.clone());
        let serving = tokio::spawn(async move {
            // It ends when it is aborted; what stops it before that shows in the provider's answers.
            drop(axum::serve(listener, router).await);
        });
        Ok(Door {
            url: self.url.clone().unwrap_or_else(|| format!("http://{own}")),
            serving,
        })
    }
}

impl Publish for Served {
    fn publish<'a>(
        &'a self,
        file: &'a FileInput,
        found: &'a CheckedFile,
    ) -> BoxFuture<'a, Result<Published, Unpublished>> {
        Box::pin(async move {
            let door = self.door.get_or_try_init(|| self.open()).await?;
            let name = name_of(file);
            Ok(Published {
                address: format!("{}/{name}", door.url),
                while_kept: Box::new(Use::begin(&self.files, name, found)),
            })
        })
    }
}

/// A use of a file that is served; the last one takes it away.
struct Use {
    files: Files,
    name: String,
}

impl Use {
    fn begin(files: &Files, name: String, found: &CheckedFile) -> Self {
        let mut served = files.lock().unwrap_or_else(PoisonError::into_inner);
        let uses = served.get(&name).map_or(0, |(_, uses)| *uses);
        served.insert(name.clone(), (found.clone(), uses + 1));
        Self {
            files: Arc::clone(files),
            name,
        }
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        let mut served = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, uses)) = served.get_mut(&self.name) {
            *uses -= 1;
            if *uses == 0 {
                served.remove(&self.name);
            }
        }
    }
}

async fn answer(State(files): State<Files>, request: Request) -> Response {
    // A proxy in front may put a path of its own before the name.
    let name = request.uri().path().rsplit('/').next().unwrap_or_default();
    let found = {
        let files = files.lock().unwrap_or_else(PoisonError::into_inner);
        files.get(name).map(|(found, _)| found.clone())
    };
    let Some(found) = found else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let opened = match *request.method() {
        Method::GET | Method::HEAD => Opened::open(&found).await,
        _ => return StatusCode::METHOD_NOT_ALLOWED.into_response(),
    };
    let body = match opened {
        Ok(_) if request.method() == Method::HEAD => Body::empty(),
        Ok(opened) => opened.into_body(),
        Err(error) => {
            tracing::warn!(path = %found.path.display(), %error, "local file not served");
            return StatusCode::NOT_FOUND.into_response();
        }
    };
    let length = found.stamp.length().to_string();
    let headers = [
        (CONTENT_TYPE, kind_of(name).to_owned()),
        (CONTENT_LENGTH, length),
    ];
    (headers, body).into_response()
}

fn kind_of(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "flac" => "audio/flac",
        "m4a" => "audio/mp4",
        "aac" => "audio/aac",
        "ogg" | "opus" => "audio/ogg",
        "aif" | "aiff" => "audio/aiff",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use crate::exec::Stamp;

    use super::*;

    fn checked(path: &Path) -> CheckedFile {
        CheckedFile {
            path: path.to_owned(),
            stamp: Stamp::of(&fs::metadata(path).unwrap()),
        }
    }

    fn input() -> FileInput {
        FileInput {
            sha256: "5e".repeat(32),
            extension: "mp3".to_owned(),
        }
    }

    async fn ask(method: &str, address: &str) -> String {
        let place = address.strip_prefix("http://").unwrap();
        let (host, path) = place.split_once('/').unwrap();
        let mut stream = TcpStream::connect(host).await.unwrap();
        let request = format!("{method} /{path} HTTP/1.0\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn is_gone(address: &str) -> bool {
        ask("GET", address).await.starts_with("HTTP/1.0 404 ")
    }

    #[tokio::test]
    async fn a_file_is_served_until_its_last_use_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mp3");
        fs::write(&path, "x".repeat(200_000)).unwrap();
        let served = Served::new("127.0.0.1:0", None);
        let (file, found) = (input(), checked(&path));
        let first = served.publish(&file, &found).await.ok().unwrap();
        let second = served.publish(&file, &found).await.ok().unwrap();
        let address = first.address.clone();
        drop(first);
        let answer = ask("GET", &address).await;
        assert!(answer.starts_with("HTTP/1.0 200 "), "{answer:.300}");
        assert!(answer.contains("content-type: audio/mpeg\r\n"));
        assert!(answer.ends_with(&format!("\r\n\r\n{}", "x".repeat(200_000))));
        let head = ask("HEAD", &address).await;
        assert!(head.contains("content-length: 200000\r\n"), "{head}");
        assert!(head.ends_with("\r\n\r\n"));
        assert!(ask("POST", &address).await.starts_with("HTTP/1.0 405 "));
        drop(second);
        assert!(is_gone(&address).await);
    }

    #[tokio::test]
    async fn what_is_no_more_the_file_that_was_hashed_is_not_served() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let served = Served::new("127.0.0.1:0", None);
        let file = input();
        let swaps: [&dyn Fn(&Path); 4] = [
            &|path| fs::rename(at("secret"), path).unwrap(),
            &|path| fs::write(path, "longer than before").unwrap(),
            &|path| {
                fs::remove_file(path).unwrap();
                std::os::unix::fs::symlink(at("secret"), path).unwrap();
            },
            &|path| fs::remove_file(path).unwrap(),
        ];
        for swap in swaps {
            fs::write(at("secret"), "secret").unwrap();
            let path = at("a.mp3");
            drop(fs::remove_file(&path));
            fs::write(&path, "sounds").unwrap();
            let published = served.publish(&file, &checked(&path)).await.ok().unwrap();
            let answer = ask("GET", &published.address).await;
            assert!(answer.ends_with("\r\n\r\nsounds"), "{answer}");
            swap(&path);
            assert!(is_gone(&published.address).await);
        }
    }

    #[tokio::test]
    async fn a_place_that_is_taken_is_no_fault_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mp3");
        fs::write(&path, "sounds").unwrap();
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listen = taken.local_addr().unwrap().to_string();
        let served = Served::new(&listen, Some("https://box.example/"));
        let (file, found) = (input(), checked(&path));
        let refused = served.publish(&file, &found).await.err().unwrap();
        assert!(matches!(refused, Unpublished::Way(said) if said.contains(&listen)));
        drop(taken);
        let published = served.publish(&file, &found).await.ok().unwrap();
        assert!(published.address.starts_with("https://box.example/5e5e"));
    }
}
