//! Records that a runtime elsewhere has journalled and sends.
//!
//! They are taken as the projector takes its own: in the order of the journal, exactly once, the
//! place in the journal moved in the transaction that keeps what stood there. What is sent from
//! another place than the one that was reached changes nothing; the answer says where to go on.
//!
//! Who sends is believed as far as his chain goes. The hash of each record is made anew, and each
//! must link to the one before it; it must be the record of a governed call, of his own tenant and
//! instance, by an agent that has called him. What is not so is set aside with an alarm, and the
//! records behind it go on.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use iron_journal::{Cursor, Hash, Position, Record, Stream};
use iron_primitives::{AgentId, InstanceId, TenantId};
use iron_store::Tx;

use crate::body::{Body, Item};
use crate::desk::{Desk, Failed};
use crate::projector::{Projection, ProjectionError};
use crate::store::{self, Poison, SentHead};
use crate::{Audit, Error};

/// One record as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The canonical envelope.
    pub envelope: String,
    /// The HMAC of its hash, in hexadecimal.
    pub mac: String,
    /// The place behind it.
    pub next: Position,
}

/// What a runtime has sent, read.
#[derive(Debug)]
pub struct Shipment {
    tenant: TenantId,
    instance: InstanceId,
    incarnation: u64,
    from: Cursor,
    to: Position,
    records: Vec<Read>,
}

#[derive(Debug)]
struct Read {
    text: String,
    next: Position,
    item: Option<Item>,
}

/// Either something to be projected, or something to be set aside.
enum Verdict {
    Good(Item),
    /// With the head of its chain, if the chain goes on from it.
    Bad(Poison, Option<(Stream, SentHead)>),
}

impl Shipment {
    /// Reads what a process (`incarnation`, by its own journal) of an instance has sent: what
    /// stands between two places of its journal.
    pub fn read(
        tenant: TenantId,
        instance: InstanceId,
        incarnation: u64,
        (from, to): (Cursor, Position),
        records: Vec<Sent>,
    ) -> Shipment {
        let records = records.into_iter().map(|sent| {
            let mac: Option<Hash> = sent.mac.parse().ok();
            let record = mac.and_then(|mac| {
                Record::from_envelope(sent.envelope.clone().into_bytes(), mac).ok()
            });
            Read {
                text: sent.envelope,
                next: sent.next,
                item: record.map(Item::read),
            }
        });
        Shipment {
            tenant,
            instance,
            incarnation,
            from,
            to,
            records: records.collect(),
        }
    }

    /// The agents whose calls these are.
    pub fn agents(&self) -> BTreeSet<AgentId> {
        let items = self.records.iter().filter_map(|read| read.item.as_ref());
        items.filter_map(Item::agent_called).collect()
    }

    /// Whether the places of its records lie in order between its ends.
    fn is_ordered(&self) -> bool {
        let mut last = self.from;
        self.records.iter().all(|read| {
            let rises = last < read.next && read.next <= self.to;
            last = read.next;
            rises
        }) && self.from <= self.to
    }
}

impl Audit {
    /// Takes what a runtime has sent; gives the place that was reached. `agents` are those that
    /// have called it.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails, and then nothing of the batch has happened;
    /// [`Error::Superseded`] if a newer process of the instance sends already.
    pub async fn take(
        &self,
        shipment: Shipment,
        agents: &BTreeSet<AgentId>,
        others: Vec<Arc<dyn Projection>>,
    ) -> Result<Position, Error> {
        let audit = Audit {
            instance: shipment.instance,
            ..self.clone()
        };
        let first: Vec<Arc<dyn Projection>> = vec![Arc::new(Heads)];
        let mut desk = Desk::claim(audit.clone(), shipment.incarnation, first, others).await?;
        if shipment.from != desk.cursor || shipment.from == shipment.to || !shipment.is_ordered() {
            return Ok(desk.cursor);
        }
        let to = shipment.to;
        let mut head = store::sent_head(&audit, shipment.tenant).await?;
        let judged = judge(shipment, agents, &mut head);
        if judged
            .iter()
            .all(|(verdict, _)| matches!(verdict, Verdict::Good(_)))
        {
            let (items, ends) = good(judged);
            match desk.project(&items, to).await {
                Ok(()) => {}
                Err(Failed::Retry(error)) => return Err(error),
                Err(Failed::OneByOne) => {
                    for (item, next) in items.into_iter().zip(ends) {
                        desk.project_alone(item, next).await?;
                    }
                }
            }
        } else {
            for (verdict, next) in judged {
                match verdict {
                    Verdict::Good(item) => desk.project_alone(item, next).await?,
                    Verdict::Bad(poison, head) => desk.set_aside(next, poison, head).await?,
                }
            }
        }
        if desk.cursor < to {
            desk.pass_over(to).await?;
        }
        Ok(to)
    }
}

fn good(judged: Vec<(Verdict, Position)>) -> (Vec<Item>, Vec<Position>) {
    let each = judged.into_iter();
    each.filter_map(|(verdict, next)| match verdict {
        Verdict::Good(item) => Some((item, next)),
        Verdict::Bad(..) => None,
    })
    .unzip()
}

/// Follows the chain from its head on, and says of each record what is to be done with it. Behind
/// a record that does not link the chain is followed from that record on.
fn judge(
    shipment: Shipment,
    agents: &BTreeSet<AgentId>,
    head: &mut Option<SentHead>,
) -> Vec<(Verdict, Position)> {
    let (tenant, instance) = (shipment.tenant, shipment.instance);
    let mut judged = Vec::with_capacity(shipment.records.len());
    for Read { text, next, item } in shipment.records {
        let bad = |reason: &'static str, text, head| {
            let poison = Poison::sent(tenant, next, reason.to_owned(), text);
            Verdict::Bad(poison, head)
        };
        let Some(item) = item else {
            judged.push((bad("it is no record", text, None), next));
            continue;
        };
        let record = &item.record;
        let stream = record.stream;
        let foreign = stream.tenant != tenant
            || stream.instance != instance
            || stream.incarnation > shipment.incarnation;
        if foreign {
            judged.push((bad("it is of another chain", text, None), next));
            continue;
        }
        let links = links(head.as_ref(), record);
        let here = SentHead {
            incarnation: stream.incarnation,
            sequence: record.sequence,
            hash: record.hash,
        };
        *head = Some(here);
        let verdict = match &item.body {
            _ if !links => bad("its chain is broken", text, Some((stream, here))),
            Body::Call(call) if agents.contains(&call.agent) => Verdict::Good(item),
            Body::Call(_) => bad("its agent has not called", text, Some((stream, here))),
            _ => bad("it is not of a governed call", text, Some((stream, here))),
        };
        judged.push((verdict, next));
    }
    judged
}

/// Whether a record follows the head of its chain.
fn links(head: Option<&SentHead>, record: &Record) -> bool {
    match head {
        None => record.sequence == 1 && record.previous == Hash::ZERO,
        Some(head) if head.incarnation == record.stream.incarnation => {
            head.sequence.checked_add(1) == Some(record.sequence) && head.hash == record.previous
        }
        Some(head) => {
            head.incarnation < record.stream.incarnation
                && record.sequence == 1
                && head.hash == record.previous
        }
    }
}

/// Keeps the head of the chain, in the transaction that keeps its records.
struct Heads;

#[async_trait]
impl Projection for Heads {
    fn name(&self) -> &'static str {
        "heads of sent chains"
    }

    async fn project(&self, tx: &mut Tx, items: &[Item]) -> Result<(), ProjectionError> {
        // All of one tenant and one instance.
        if let Some(Item { record, .. }) = items.last() {
            store::put_sent_head(tx, &record.stream, record.sequence, &record.hash).await?;
        }
        Ok(())
    }
}
