//! Carries what a router tells its server, and does it badly: some messages it loses, of some it
//! loses the answer, and some it brings twice.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::crowd::Dice;

/// What became of the messages.
#[derive(Debug, Default)]
pub(crate) struct Errands {
    pub(crate) carried: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) answers_lost: AtomicU64,
    pub(crate) doubled: AtomicU64,
    away: AtomicBool,
}

/// A careless courier.
pub(crate) struct Courier {
    pub(crate) address: SocketAddr,
    pub(crate) errands: Arc<Errands>,
}

impl Courier {
    /// Between whoever calls it and the server at this address.
    pub(crate) async fn to(server: String) -> Courier {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let errands = Arc::new(Errands::default());
        let theirs = errands.clone();
        tokio::spawn(async move {
            let mut dice = Dice(23);
            while let Ok((near, _)) = listener.accept().await {
                let fate = Fate::of(dice.roll(12));
                tokio::spawn(carry(near, server.clone(), fate, theirs.clone()));
            }
        });
        Courier { address, errands }
    }

    /// Carries nothing for a while, or goes on.
    pub(crate) fn away(&self, away: bool) {
        self.errands.away.store(away, Ordering::Relaxed);
    }
}

#[derive(Debug, Clone, Copy)]
enum Fate {
    Lost,
    AnswerLost,
    Doubled,
    Carried,
}

impl Fate {
    const fn of(roll: u64) -> Fate {
        match roll {
            0 => Fate::Lost,
            1 => Fate::AnswerLost,
            2 | 3 => Fate::Doubled,
            _ => Fate::Carried,
        }
    }
}

/// One message a connection, so that each has a fate of its own.
async fn carry(mut near: TcpStream, server: String, fate: Fate, errands: Arc<Errands>) {
    let Some(message) = read_message(&mut near).await else {
        return;
    };
    if errands.away.load(Ordering::Relaxed) {
        return;
    }
    let counter = match fate {
        Fate::Lost => &errands.lost,
        Fate::AnswerLost => &errands.answers_lost,
        Fate::Doubled => &errands.doubled,
        Fate::Carried => &errands.carried,
    };
    counter.fetch_add(1, Ordering::Relaxed);
    let times = match fate {
        Fate::Lost => return,
        Fate::Doubled => 2,
        Fate::AnswerLost | Fate::Carried => 1,
    };
    let mut answer = None;
    for _ in 0..times {
        answer = deliver(&server, &message).await;
    }
    if let (Some(answer), false) = (answer, matches!(fate, Fate::AnswerLost)) {
        let _ = near.write_all(&answer).await;
    }
}

async fn deliver(server: &str, message: &[u8]) -> Option<Vec<u8>> {
    let mut far = TcpStream::connect(server).await.ok()?;
    far.write_all(message).await.ok()?;
    let mut answer = Vec::new();
    far.read_to_end(&mut answer).await.ok()?;
    Some(answer)
}

/// A whole request, which asks the server to close the connection after its answer.
async fn read_message(near: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        if near.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let header = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(':'));
            lines
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.trim().to_owned())
        };
        assert!(header("transfer-encoding").is_none(), "of known length");
        let length = header("content-length").map_or(0, |text| text.parse().expect("a length"));
        let body = end + 4;
        while bytes.len() < body + length {
            if near.read_buf(&mut bytes).await.ok()? == 0 {
                return None;
            }
        }
        let mut message = format!("{head}\r\nconnection: close\r\n\r\n").into_bytes();
        message.extend_from_slice(&bytes[body..]);
        return Some(message);
    }
}
