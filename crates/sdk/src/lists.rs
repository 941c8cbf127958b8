//! Lists: a page of things and where it lies.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct List<T: ToSchema> {
    /// The things on this page.
    pub data: Vec<T>,
    /// Where in the list this is.
    pub pagination: Pagination,
}

/// Where in a list a page lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pagination {
    /// The page, from 1.
    pub page: u32,
    /// How many things are on a page.
    pub per_page: u32,
    /// How many things there are.
    pub total: u64,
    /// How many pages there are.
    pub total_pages: u64,
}

impl Pagination {
    /// The place of one page among all things.
    pub const fn new(page: u32, per_page: u32, total: u64) -> Self {
        let size = if per_page == 0 { 1 } else { per_page as u64 };
        Pagination {
            page,
            per_page,
            total,
            total_pages: total.div_ceil(size),
        }
    }
}

/// Which page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// The page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub page: Option<u32>,
    /// How many on a page; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub per_page: Option<u32>,
}
