//! Over TLS, as every provider is reached: a server in front of the simulator that would rather speak HTTP/2, with a
//! certificate that an authority of its own has signed.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::world::{Sim, World, songs, sum};

/// What a client and the server agreed on, per connection.
type Protocols = Arc<Mutex<Vec<Option<Vec<u8>>>>>;

/// A TLS server that passes everything on to a simulator.
struct Front {
    address: SocketAddr,
    /// The authority's certificate, as PEM.
    authority: String,
    protocols: Protocols,
}

impl Front {
    fn of(sim: &Sim) -> Self {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority =
            CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = names.signed_by(&key, &authority).unwrap();
        let config = config(certificate.der().clone(), key.serialized_der().to_vec());

        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let front = Self {
            address: listener.local_addr().unwrap(),
            authority: authority.pem(),
            protocols: Protocols::default(),
        };
        let behind = sim.url.strip_prefix("http://").unwrap().to_owned();
        let protocols = Arc::clone(&front.protocols);
        std::thread::spawn(move || serve(listener, config, behind, protocols));
        front
    }
}

fn config(certificate: CertificateDer<'static>, key: Vec<u8>) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::Pkcs8(key.into());
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

/// Serves until the test's process ends.
fn serve(
    listener: std::net::TcpListener,
    config: Arc<ServerConfig>,
    behind: String,
    protocols: Protocols,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async move {
        let listener = TcpListener::from_std(listener).unwrap();
        let acceptor = TlsAcceptor::from(config);
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            let protocols = Arc::clone(&protocols);
            tokio::spawn(async move {
                // Whoever does not trust the certificate hangs up in the middle.
                let Ok(mut outer) = acceptor.accept(stream).await else {
                    return;
                };
                let agreed = outer.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
                protocols.lock().unwrap().push(agreed);
                let mut inner = TcpStream::connect(behind).await.unwrap();
                let _ended = tokio::io::copy_bidirectional(&mut outer, &mut inner).await;
            });
        }
    });
}

#[test]
fn a_provider_over_tls_is_spoken_to_in_the_one_protocol_that_is_known() {
    let sim = Sim::new(100, &[]);
    let front = Front::of(&sim);
    let mut world = World::with(&sim);
    let authority = world.write("authority.pem", &front.authority);
    world.set("SSL_CERT_FILE", authority.to_str().unwrap());
    world.set(
        "SETLIST_BASE_URL",
        &format!("https://localhost:{}", front.address.port()),
    );
    world.write("m.toml", songs("secure", 2));
    world.run(&["run", "m.toml"]).expect(0);
    assert_eq!(
        sum(&world.spend("secure"), "charged"),
        sim.audit().charged()
    );
    let protocols = front.protocols.lock().unwrap();
    assert!(!protocols.is_empty());
    assert!(
        protocols.iter().flatten().all(|name| name == b"http/1.1"),
        "{protocols:?}"
    );
}

#[test]
fn a_certificate_of_an_unknown_authority_gets_no_request() {
    let sim = Sim::new(100, &[]);
    let front = Front::of(&sim);
    let mut world = World::with(&sim);
    world.set(
        "SETLIST_BASE_URL",
        &format!("https://localhost:{}", front.address.port()),
    );
    world.write("m.toml", songs("insecure", 1));
    let refused = world.run(&["run", "m.toml"]).expect(75);
    assert!(refused.stderr.contains("certificate"), "{refused:#?}");
    assert_eq!(sim.audit().charged(), 0);
    assert!(front.protocols.lock().unwrap().is_empty());
}
