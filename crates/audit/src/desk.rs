//! Where records are projected: one journal's place in the database, moved with what it stands
//! for in one transaction.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use iron_journal::{Cursor, Position, Stream};
use iron_store::Tx;

use crate::body::{Body, Item};
use crate::calls::CallProjection;
use crate::projector::{Projection, ProjectionError};
use crate::store::{self, Poison, SentHead};
use crate::tool_calls::ToolProjection;
use crate::{Audit, Error};

/// The place of one journal, and what is done with its records.
pub(crate) struct Desk {
    audit: Audit,
    incarnation: u64,
    projections: Vec<Arc<dyn Projection>>,
    /// How far the journal has been projected.
    pub(crate) cursor: Cursor,
}

impl Desk {
    /// Takes over the place of the audit log's instance for this process of it. Calls are
    /// projected always.
    pub(crate) async fn claim(
        audit: Audit,
        incarnation: u64,
        first: Vec<Arc<dyn Projection>>,
        others: Vec<Arc<dyn Projection>>,
    ) -> Result<Desk, Error> {
        let cursor = store::claim_offset(&audit, incarnation).await?;
        let mut projections: Vec<Arc<dyn Projection>> = vec![Arc::new(Readable)];
        projections.extend(first);
        projections.push(Arc::new(CallProjection::new(audit.environment.clone())));
        projections.push(Arc::new(ToolProjection::new(audit.environment.clone())));
        projections.extend(others);
        Ok(Desk {
            audit,
            incarnation,
            projections,
            cursor,
        })
    }

    /// Asks the database again how far it has come.
    pub(crate) async fn claim_again(&mut self) -> Result<(), Error> {
        self.cursor = store::claim_offset(&self.audit, self.incarnation).await?;
        Ok(())
    }

    /// Moves the place on to where no record stands before it.
    pub(crate) async fn pass_over(&mut self, next: Position) -> Result<(), Error> {
        let mut tx = self.audit.db.begin().await?;
        self.advance(&mut tx, next).await?;
        tx.commit().await?;
        self.cursor = next;
        Ok(())
    }

    /// Moves the place on behind what is not to be believed, which is set aside; its chain may go
    /// on from it.
    pub(crate) async fn set_aside(
        &mut self,
        next: Position,
        poison: Poison,
        head: Option<(Stream, SentHead)>,
    ) -> Result<(), Error> {
        let mut tx = self.audit.db.begin().await?;
        self.advance(&mut tx, next).await?;
        store::set_aside(&mut tx, &self.audit, &poison).await?;
        if let Some((stream, head)) = head {
            store::put_sent_head(&mut tx, &stream, head.sequence, &head.hash).await?;
        }
        tx.commit().await?;
        poison.tell();
        self.cursor = next;
        Ok(())
    }

    /// Gives records to all projections and moves the place on, in one transaction.
    pub(crate) async fn project(&mut self, items: &[Item], next: Position) -> Result<(), Failed> {
        let mut tx = self.audit.db.begin().await.map_err(Failed::store)?;
        self.advance(&mut tx, next).await.map_err(Failed::Retry)?;
        for projection in &self.projections {
            if let Err(error) = projection.project(&mut tx, items).await {
                return Err(error.passing().map_or(Failed::OneByOne, Failed::Retry));
            }
        }
        tx.commit().await.map_err(Failed::store)?;
        self.cursor = next;
        Ok(())
    }

    /// Moves the place on, within the transaction.
    async fn advance(&self, tx: &mut Tx, next: Position) -> Result<(), Error> {
        if store::move_offset(tx, &self.audit, self.incarnation, (self.cursor, next)).await? {
            return Ok(());
        }
        Err(Error::Superseded)
    }

    /// Projects one record by itself; a projection that cannot take it is passed over, and the
    /// record is set aside for it.
    pub(crate) async fn project_alone(&mut self, item: Item, next: Position) -> Result<(), Error> {
        let item = [item];
        let mut refused: HashSet<&'static str> = HashSet::new();
        let mut poison: Vec<Poison> = Vec::new();
        'again: loop {
            let mut tx = self.audit.db.begin().await?;
            self.advance(&mut tx, next).await?;
            for projection in &self.projections {
                if refused.contains(projection.name()) {
                    continue;
                }
                let Err(error) = projection.project(&mut tx, &item).await else {
                    continue;
                };
                match error.passing() {
                    Ok(passing) => return Err(passing),
                    // It is there already, and nothing else was done with it.
                    Err(ProjectionError::Repeated) => {}
                    Err(error) => {
                        // PostgreSQL takes nothing more in this transaction: begin again.
                        tx.rollback().await?;
                        refused.insert(projection.name());
                        let [item] = &item;
                        poison.push(Poison::of(item, next, projection.name(), &error));
                        continue 'again;
                    }
                }
            }
            for poison in &poison {
                store::set_aside(&mut tx, &self.audit, poison).await?;
            }
            tx.commit().await?;
            poison.iter().for_each(Poison::tell);
            self.cursor = next;
            return Ok(());
        }
    }
}

/// Why a batch was not projected.
pub(crate) enum Failed {
    /// It may be tried again.
    Retry(Error),
    /// Not as a whole: a record is at fault, or is there already.
    OneByOne,
}

impl Failed {
    fn store(error: iron_store::Error) -> Self {
        Failed::Retry(error.into())
    }
}

/// Refuses records whose bodies do not have the shape of their kind.
struct Readable;

#[async_trait]
impl Projection for Readable {
    fn name(&self) -> &'static str {
        "readable"
    }

    async fn project(&self, _tx: &mut Tx, items: &[Item]) -> Result<(), ProjectionError> {
        items.iter().try_for_each(|item| match &item.body {
            Body::Malformed(detail) => Err(ProjectionError::Malformed {
                detail: detail.clone(),
            }),
            _ => Ok(()),
        })
    }
}
