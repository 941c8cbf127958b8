//! What can go wrong around providers and prices.

use iron_net::egress::BaseUrlError;
use iron_primitives::{ErrorKind, MoneyError, ProviderId};

/// A key could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
#[error("a key could not be sealed or opened")]
pub struct SealFailure(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such provider in the tenant.
    #[error("there is no provider `{id}`")]
    NotFound {
        /// The provider asked for.
        id: ProviderId,
    },
    /// The provider belongs to somebody else.
    #[error("you may not do this to the provider `{id}`")]
    OutOfReach {
        /// The provider asked for.
        id: ProviderId,
    },
    /// Another provider of the tenant has the name.
    #[error("a provider of this name exists already")]
    DuplicateName,
    /// The provider has changed since it was read.
    #[error("the provider has changed since it was read; read it again")]
    Changed {
        /// The provider.
        id: ProviderId,
    },
    /// No price is known for a model.
    #[error("there is no price for the model `{model}`")]
    NoPrice {
        /// The model asked for.
        model: String,
    },
    /// The model has prices of several kinds of providers.
    #[error("several kinds of providers serve `{model}`; say which with `provider_type`")]
    AmbiguousModel {
        /// The model asked for.
        model: String,
    },
    /// The address is not one that may be called.
    #[error("`base_url`: {0}")]
    BaseUrl(#[source] BaseUrlError),
    /// A price is not an exact amount.
    #[error("`{field}`: {problem}")]
    Price {
        /// The field's path.
        field: String,
        /// Why.
        problem: MoneyError,
    },
    /// A price list cannot be read.
    #[error("the price list cannot be read: {0}")]
    List(#[source] iron_llm::prices::PriceError),
    /// A field of the request does not do.
    #[error("`{field}`: {problem}")]
    Invalid {
        /// The field's path.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// One of the providers to assign does not exist, or is not shared with the caller.
    #[error("`providers[{index}]`: no such provider, or it is not shared with you")]
    NotAssignable {
        /// Which one.
        index: usize,
    },
    /// The vault.
    #[error(transparent)]
    Seal(#[from] SealFailure),
    /// The audit log.
    #[error(transparent)]
    Audit(#[from] iron_audit::Error),
    /// The database.
    #[error(transparent)]
    Store(iron_store::Error),
}

impl Error {
    /// The code by which the wire names it.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Error::NotFound { .. } | Error::NoPrice { .. } => ErrorKind::ResourceNotFound,
            Error::OutOfReach { .. } => ErrorKind::InsufficientPermissions,
            Error::DuplicateName => ErrorKind::DuplicateName,
            Error::Changed { .. } => ErrorKind::ConcurrentModification,
            Error::BaseUrl(_)
            | Error::Price { .. }
            | Error::List(_)
            | Error::Invalid { .. }
            | Error::AmbiguousModel { .. }
            | Error::NotAssignable { .. } => ErrorKind::Validation,
            Error::Store(iron_store::Error::Unavailable(_) | iron_store::Error::Conflict(_)) => {
                ErrorKind::ServiceUnavailable
            }
            Error::Seal(_) | Error::Audit(_) | Error::Store(_) => ErrorKind::Internal,
        }
    }

    /// The path of the request's field that is at fault, if one is.
    pub fn field(&self) -> Option<String> {
        match self {
            Error::BaseUrl(_) => Some("base_url".to_owned()),
            Error::Price { field, .. } => Some(field.clone()),
            Error::List(_) => Some("prices".to_owned()),
            Error::Invalid { field, .. } => Some((*field).to_owned()),
            Error::AmbiguousModel { .. } => Some("provider_type".to_owned()),
            Error::NotAssignable { index } => Some(format!("providers[{index}]")),
            _ => None,
        }
    }
}

impl From<iron_store::Error> for Error {
    fn from(error: iron_store::Error) -> Self {
        match error {
            iron_store::Error::Unique { table, .. } if table == "providers" => Error::DuplicateName,
            other => Error::Store(other),
        }
    }
}
