//! Health and version.

use crate::words::words;
use iron_primitives::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

words! {
    /// How the server is.
    Health {
        /// All is well.
        Healthy = "healthy",
        /// It works, but something is missing.
        Degraded = "degraded",
        /// It does not work.
        Unhealthy = "unhealthy",
    }
}

words! {
    /// How one part of the server is.
    ServiceHealth {
        /// It works.
        Up = "up",
        /// It does not.
        Down = "down",
        /// It is not part of this installation.
        Unused = "unused",
    }
}

/// How the server is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HealthView {
    /// All in all.
    pub status: Health,
    /// The running version.
    pub version: String,
    /// When this was read.
    pub timestamp: Timestamp,
    /// How long it has been running.
    pub uptime_seconds: u64,
    /// Its parts.
    pub services: HealthServices,
}

/// The parts of the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HealthServices {
    /// The database.
    pub database: ServiceHealth,
    /// The shared cache.
    pub cache: ServiceHealth,
    /// The store of secrets.
    pub secrets: ServiceHealth,
    /// The journal.
    pub queue: ServiceHealth,
}

/// A sign of life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Live {
    /// Always `healthy`.
    pub status: Health,
    /// When this was read.
    pub timestamp: Timestamp,
}

/// Which versions there are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VersionView {
    /// The version of the API.
    pub current_version: String,
    /// All that are served.
    pub supported_versions: Vec<String>,
    /// Those that will go.
    pub deprecated_versions: Vec<String>,
    /// Where the current version begins.
    pub latest_endpoint: String,
    /// The running program.
    pub build: BuildView,
}

/// The running program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BuildView {
    /// Its version.
    pub version: String,
    /// The commit it was built from.
    pub commit: String,
    /// When it was built.
    pub timestamp: String,
}
