//! Serves local files while a run needs them. A file's address holds the hash of its content: who does not know the
//! file can't guess it, and no other file is ever handed out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tower_http::services::ServeFile;

use crate::exec::{Publish, Unpublished};
use crate::model::FileInput;

use super::name_of;

/// What is served: a path below the address, and the file.
type Files = Arc<Mutex<BTreeMap<String, PathBuf>>>;

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
        path: &'a Path,
    ) -> BoxFuture<'a, Result<String, Unpublished>> {
        Box::pin(async move {
            let door = self.door.get_or_try_init(|| self.open()).await?;
            let name = name_of(file);
            let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            files.insert(format!("/{name}"), path.to_owned());
            Ok(format!("{}/{name}", door.url))
        })
    }
}

async fn answer(State(files): State<Files>, request: Request) -> Response {
    let path = {
        let files = files.lock().unwrap_or_else(PoisonError::into_inner);
        // A proxy in front may put a path of its own before the name.
        let name = request.uri().path().rsplit('/').next().unwrap_or_default();
        files.get(&format!("/{name}")).cloned()
    };
    let Some(path) = path else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match ServeFile::new(path).try_call(request).await {
        Ok(response) => response.map(Body::new),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}
