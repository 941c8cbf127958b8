//! The ledger's side of [`Authority::exchange`](iron_runtime::authority::Authority::exchange).

use iron_runtime::authority::{AuthorityError, Exchange, ExchangeReply};

use crate::{Error, Ledger};

/// How often a transaction is tried that others stood in the way of.
const TRIES: usize = 5;

/// Answers exchanges out of the ledger, in the words of the port.
#[derive(Debug, Clone)]
pub struct Teller {
    ledger: Ledger,
}

impl Teller {
    /// A teller of this ledger.
    pub const fn new(ledger: Ledger) -> Self {
        Teller { ledger }
    }

    /// Books the reports and grants the wants; tries again where another transaction stood in
    /// the way.
    ///
    /// # Errors
    /// [`AuthorityError::Superseded`] to a process that was replaced;
    /// [`AuthorityError::Unavailable`] if the database fails, which is logged.
    pub async fn exchange(&self, exchange: &Exchange) -> Result<ExchangeReply, AuthorityError> {
        for _ in 1..TRIES {
            match self.ledger.exchange(exchange).await {
                Err(Error::Store(
                    iron_store::Error::Conflict(_) | iron_store::Error::Unique { .. },
                )) => {}
                other => return other.map_err(|error| refused(&error)),
            }
        }
        self.ledger
            .exchange(exchange)
            .await
            .map_err(|error| refused(&error))
    }
}

fn refused(error: &Error) -> AuthorityError {
    match error {
        Error::Superseded => AuthorityError::Superseded,
        Error::NotEnrolled => AuthorityError::NotFound,
        error => {
            tracing::error!(%error, "an exchange with the ledger failed");
            AuthorityError::Unavailable
        }
    }
}
