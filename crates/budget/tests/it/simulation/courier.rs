//! Between a node and the control plane: one connection a message, and a courier on the node's
//! side who doubles some, loses the answers to some, and brings old ones again.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use iron_budget::{Enrolment, Ledger, Teller};
use iron_llm::PriceBook;
use iron_primitives::{InstanceId, ProviderId, TenantId, TokenDigest};
use iron_runtime::authority::{
    AuthFailure, Authority, AuthorityError, Credential, End, Engaged, Exchange, ExchangeReply,
    Incarnation, Principal, SubjectKey,
};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use turmoil::net::{TcpListener, TcpStream};

use super::town::{CONTROL, PORT, outside};
use crate::dice::Dice;

/// No answer is awaited for longer.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Question {
    Enrol {
        instance: InstanceId,
        boot_id: String,
        at_least: u64,
        seen: u64,
    },
    Exchange(Exchange),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    Enrolled(Incarnation),
    Exchanged(ExchangeReply),
    Superseded,
    Failed,
}

async fn send(stream: &mut TcpStream, message: &impl Serialize) -> std::io::Result<()> {
    let bytes = serde_json::to_vec(message)?;
    let length = u32::try_from(bytes.len()).expect("a short message");
    stream.write_all(&length.to_be_bytes()).await?;
    stream.write_all(&bytes).await
}

async fn receive<T: serde::de::DeserializeOwned>(stream: &mut TcpStream) -> std::io::Result<T> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).await?;
    let mut bytes = vec![0; usize::try_from(u32::from_be_bytes(length)).expect("fits")];
    stream.read_exact(&mut bytes).await?;
    Ok(serde_json::from_slice(&bytes)?)
}

/// Asks once.
pub(super) async fn ask(question: &Question) -> Option<Answer> {
    let asked = async {
        let mut stream = TcpStream::connect((CONTROL, PORT)).await?;
        send(&mut stream, question).await?;
        receive(&mut stream).await
    };
    tokio::time::timeout(PATIENCE, asked).await.ok()?.ok()
}

/// The control plane: answers what it is asked, and sees to leases whose time is over.
pub(super) async fn serve(ledger: Ledger) -> turmoil::Result {
    let sweeping = ledger.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let ledger = sweeping.clone();
            outside(async move { ledger.sweep().await }).expect("the ledger sweeps");
        }
    });
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        let ledger = ledger.clone();
        tokio::spawn(async move {
            let Ok(question) = receive::<Question>(&mut stream).await else {
                return;
            };
            let answer = outside(answer(ledger, question));
            let _ = send(&mut stream, &answer).await;
            // The other end closes when it has the answer.
            let _ = stream.read_u8().await;
        });
    }
}

async fn answer(ledger: Ledger, question: Question) -> Answer {
    match question {
        Question::Enrol {
            instance,
            boot_id,
            at_least,
            seen,
        } => {
            let enrolment = Enrolment {
                instance,
                boot_id,
                at_least,
                seen,
            };
            Answer::Enrolled(ledger.enrol(&enrolment).await.expect("enrols"))
        }
        Question::Exchange(exchange) => match Teller::new(ledger).exchange(&exchange).await {
            Ok(reply) => Answer::Exchanged(reply),
            Err(AuthorityError::Superseded) => Answer::Superseded,
            Err(_) => Answer::Failed,
        },
    }
}

/// The port to the control plane as a node has it.
pub(super) struct Courier {
    pub(super) careless: bool,
    pub(super) dice: Mutex<Dice>,
    /// Something that was said a while ago.
    pub(super) old: Mutex<Option<Exchange>>,
    pub(super) prices: Arc<PriceBook>,
}

impl Courier {
    fn roll(&self, sides: u64) -> u64 {
        self.dice.lock().expect("unpoisoned").roll(sides)
    }
}

#[async_trait]
impl Authority for Courier {
    async fn authenticate(&self, _: TokenDigest) -> Result<Principal, AuthFailure> {
        Err(AuthFailure::Unknown)
    }

    async fn ended(&self, engaged: &[Engaged]) -> Result<Vec<Option<End>>, AuthorityError> {
        Ok(vec![None; engaged.len()])
    }

    async fn credential(&self, _: TenantId, _: ProviderId) -> Result<Credential, AuthorityError> {
        Err(AuthorityError::NotFound)
    }

    async fn exchange(&self, exchange: Exchange) -> Result<ExchangeReply, AuthorityError> {
        let fate = if self.careless { self.roll(10) } else { 9 };
        if fate == 0 {
            let old = self.old.lock().expect("unpoisoned").clone();
            if let Some(old) = old {
                let _ = ask(&Question::Exchange(old)).await;
            }
        }
        if self.roll(5) == 0 {
            *self.old.lock().expect("unpoisoned") = Some(exchange.clone());
        }
        let question = Question::Exchange(exchange);
        let first = ask(&question).await;
        let answer = match fate {
            1 => None,
            2 => ask(&question).await,
            3 => {
                let _ = ask(&question).await;
                first
            }
            _ => first,
        };
        match answer {
            Some(Answer::Exchanged(reply)) => Ok(reply),
            Some(Answer::Superseded) => Err(AuthorityError::Superseded),
            _ => Err(AuthorityError::Unavailable),
        }
    }

    fn prices(&self, _: TenantId) -> Arc<PriceBook> {
        self.prices.clone()
    }

    async fn subject_key(&self, _: TenantId, _: [u8; 32]) -> Result<SubjectKey, AuthorityError> {
        Err(AuthorityError::NotFound)
    }
}
