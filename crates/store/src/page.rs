//! Pages of a list: number and size in, items and total out.

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The number of the page, from 1.
    pub page: u32,
    /// How many items a page holds, 1 to 100.
    pub per_page: u32,
}

impl Default for Page {
    fn default() -> Self {
        Page {
            page: 1,
            per_page: 50,
        }
    }
}

impl Page {
    /// The most items that a page may hold.
    pub const MAX_PER_PAGE: u32 = 100;

    /// How many items stand before this page.
    pub fn offset(self) -> i64 {
        i64::from(self.page.saturating_sub(1)).saturating_mul(i64::from(self.per_page))
    }

    /// How many items the page may hold.
    pub fn limit(self) -> i64 {
        i64::from(self.per_page)
    }
}

/// One page of a list and the size of the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paged<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// How many items the whole list has.
    pub total: u64,
}

impl<T> Paged<T> {
    /// The same page with each item turned into something else.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Paged<U> {
        Paged {
            items: self.items.into_iter().map(change).collect(),
            total: self.total,
        }
    }

    /// The same page with each item turned into something else, or the first failure.
    ///
    /// # Errors
    /// What `change` fails with.
    pub fn try_map<U, E>(self, change: impl FnMut(T) -> Result<U, E>) -> Result<Paged<U>, E> {
        let items = self
            .items
            .into_iter()
            .map(change)
            .collect::<Result<_, E>>()?;
        Ok(Paged {
            items,
            total: self.total,
        })
    }
}

/// The order of a list: one of the columns that the list allows, up or down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    pub(crate) column: &'static str,
    pub(crate) descending: bool,
}

/// The text names no field by which the list can be sorted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot sort by `{given}`; expected one of {}", allowed.join(", "))]
pub struct UnknownSort {
    /// What was given.
    pub given: String,
    /// The fields that are allowed.
    pub allowed: Vec<&'static str>,
}

impl Sort {
    /// The column.
    pub const fn column(&self) -> &'static str {
        self.column
    }

    /// Whether the largest comes first.
    pub const fn is_descending(&self) -> bool {
        self.descending
    }

    /// An order by this column, ascending.
    pub const fn ascending(column: &'static str) -> Self {
        Sort {
            column,
            descending: false,
        }
    }

    /// An order by this column, descending.
    pub const fn descending(column: &'static str) -> Self {
        Sort {
            column,
            descending: true,
        }
    }

    /// Reads `field` or `-field`; `allowed` pairs each field with its column.
    ///
    /// # Errors
    /// [`UnknownSort`] with the allowed fields.
    pub fn parse(
        text: &str,
        allowed: &[(&'static str, &'static str)],
    ) -> Result<Self, UnknownSort> {
        let (field, descending) = text
            .strip_prefix('-')
            .map_or((text, false), |field| (field, true));
        allowed
            .iter()
            .find(|(name, _)| *name == field)
            .map(|(_, column)| Sort { column, descending })
            .ok_or_else(|| UnknownSort {
                given: text.to_owned(),
                allowed: allowed.iter().map(|(name, _)| *name).collect(),
            })
    }
}
