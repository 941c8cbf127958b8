//! A wire to the database that can be cut and mended.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Carries connections to a database for as long as it is whole.
pub(crate) struct Wire {
    address: SocketAddr,
    whole: watch::Sender<bool>,
}

impl Wire {
    /// A wire to this host and port.
    pub(crate) async fn to(target: String) -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (whole, watched) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, target.clone(), watched.clone()));
            }
        });
        Wire { address, whole }
    }

    /// The same database, seen through this wire.
    pub(crate) fn url(&self, database: &str) -> String {
        let (head, tail) = after_credentials(database);
        let path = tail.find(['/', '?']).map_or("", |at| &tail[at..]);
        format!("{head}{}{path}", self.address)
    }

    /// Breaks every connection, and each new one at once.
    pub(crate) fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// Carries connections again.
    pub(crate) fn mend(&self) {
        self.whole.send_replace(true);
    }
}

/// The host and port in the address of a database.
pub(crate) fn host_of(database: &str) -> String {
    let (_, tail) = after_credentials(database);
    let host = tail.split(['/', '?']).next().unwrap_or(tail);
    match host.contains(':') {
        true => host.to_owned(),
        false => format!("{host}:5432"),
    }
}

/// Splits the address of a database before its host.
fn after_credentials(database: &str) -> (&str, &str) {
    let scheme = database.find("://").expect("a URL") + "://".len();
    let host = database[scheme..]
        .find('@')
        .map_or(scheme, |at| scheme + at + 1);
    database.split_at(host)
}

async fn carry(mut near: TcpStream, target: String, mut whole: watch::Receiver<bool>) {
    if !*whole.borrow_and_update() {
        return;
    }
    let Ok(mut far) = TcpStream::connect(target).await else {
        return;
    };
    tokio::select! {
        _ = copy_bidirectional(&mut near, &mut far) => {}
        _ = whole.wait_for(|whole| !whole) => {}
    }
}
