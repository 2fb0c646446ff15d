//! Whether audio that is to be uploaded can be fetched, where the simulator can tell: on this machine.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use reqwest::{Method, Url};
use serde_json::Value;

use super::courier::client;

/// How long an address may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// What stands in the place of an address that nothing answers at.
const UNREACHABLE: &str = "https://simulate-unreachable.invalid";

/// Looks at the address in the body of an upload as the provider does, with HEAD and then GET, and puts one that is
/// refused into its place if there is nothing to be had. Addresses of other machines are left alone.
pub(super) async fn looked_up(path: &str, body: Bytes) -> Bytes {
    let is_upload = ["/upload", "/upload-extend", "/upload-cover"];
    if !is_upload.iter().any(|end| path.ends_with(end)) {
        return body;
    }
    let Ok(mut fields) = serde_json::from_slice::<Value>(&body) else {
        return body;
    };
    for name in ["url", "audio_url"] {
        let Some(url) = fields[name].as_str().and_then(local) else {
            continue;
        };
        if !is_there(url).await {
            fields[name] = UNREACHABLE.into();
            return fields.to_string().into();
        }
    }
    body
}

fn local(address: &str) -> Option<Url> {
    let url = Url::parse(address).ok()?;
    let host = url.host_str()?.trim_matches(['[', ']']);
    let is_here =
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|host| host.is_loopback());
    is_here.then_some(url)
}

async fn is_there(url: Url) -> bool {
    let Ok(client) = client() else {
        return false;
    };
    for method in [Method::HEAD, Method::GET] {
        let asked = client.request(method.clone(), url.clone()).send();
        let Ok(Ok(answer)) = tokio::time::timeout(PATIENCE, asked).await else {
            return false;
        };
        if !answer.status().is_success() {
            return false;
        }
        if method == Method::GET {
            let body = tokio::time::timeout(PATIENCE, answer.bytes()).await;
            return matches!(body, Ok(Ok(bytes)) if !bytes.is_empty());
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    async fn seen(path: &str, url: &str) -> String {
        let body = json!({"url": url, "title": "x"}).to_string();
        let body = looked_up(path, body.into()).await;
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["title"], "x");
        body["url"].as_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn only_addresses_of_this_machine_are_asked() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/a.mp3", free.local_addr().unwrap());
        drop(free);
        let upload = "/api/v1/sonic/upload";
        assert_eq!(seen(upload, &address).await, UNREACHABLE);
        assert_eq!(seen("/api/v1/sonic/create", &address).await, address);
        let elsewhere = "https://box.example/a.mp3";
        assert_eq!(seen(upload, elsewhere).await, elsewhere);
    }
}
