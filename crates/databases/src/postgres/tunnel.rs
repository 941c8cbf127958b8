//! The way to a server: a connection to an address that was judged, handed on by a socket that nobody
//! else sees, with a meter for what comes back.
//!
//! A driver that looked the name up itself could be led elsewhere than what was judged; and it takes a
//! whole message into memory, however long.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use iron_net::egress::AddressRules;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::sync::oneshot;

/// How much is handed on at a time.
const PIECE_BYTES: usize = 16 << 10;

/// Connects to a host, at an address that the rules allow.
pub(super) async fn reach(rules: AddressRules, host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::NotConnected);
    for address in rules.resolve(host, port).await? {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// How much may still come back.
#[derive(Debug, Default)]
pub(super) struct Meter {
    left: AtomicUsize,
    spent: AtomicBool,
}

impl Meter {
    /// From now on so many bytes.
    pub(super) fn allow(&self, bytes: usize) {
        self.left.store(bytes, Ordering::Relaxed);
    }

    /// Whether more came than may.
    pub(super) fn is_spent(&self) -> bool {
        self.spent.load(Ordering::Relaxed)
    }

    fn takes(&self, bytes: usize) -> bool {
        let left = self.left.load(Ordering::Relaxed).checked_sub(bytes);
        match left {
            Some(left) => self.left.store(left, Ordering::Relaxed),
            None => self.spent.store(true, Ordering::Relaxed),
        }
        left.is_some()
    }
}

/// A socket behind which a server is. It is gone from the file system with this; who is connected
/// stays so.
#[derive(Debug)]
pub(super) struct Tunnel {
    folder: TempDir,
    /// Nobody is waited for any more once this is gone.
    _waiting: oneshot::Sender<()>,
}

impl Tunnel {
    /// Opens a socket for one client, in a folder that only this user may enter.
    pub(super) fn open(server: TcpStream, port: u16, meter: Arc<Meter>) -> io::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix(&format!("iron-{}-", std::process::id()))
            .permissions(Permissions::from_mode(0o700))
            .tempdir()?;
        let listener = UnixListener::bind(folder.path().join(format!(".s.PGSQL.{port}")))?;
        let (waiting, mut over) = oneshot::channel();
        let tunnel = Tunnel {
            _waiting: waiting,
            folder,
        };
        tokio::spawn(async move {
            let accepted = tokio::select! {
                biased;
                accepted = listener.accept() => accepted,
                _ = &mut over => return,
            };
            if let Ok((client, _)) = accepted {
                drop(listener);
                hand_on(client, server, &meter).await;
            }
        });
        Ok(tunnel)
    }

    /// Where the socket is.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Until one of both ends it, or too much has come.
async fn hand_on(client: UnixStream, server: TcpStream, meter: &Meter) {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let ended = tokio::select! {
        ended = pass(from_client, to_server, |_| true) => ended,
        ended = pass(from_server, to_client, |bytes| meter.takes(bytes)) => ended,
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection with a database broke");
    }
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut may: impl FnMut(usize) -> bool,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let read = from.read(&mut piece).await?;
        let bytes = piece.get(..read).unwrap_or_default();
        if bytes.is_empty() || !may(read) {
            return Ok(());
        }
        to.write_all(bytes).await?;
    }
}
